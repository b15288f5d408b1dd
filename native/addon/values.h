// JavaScript values in and out. TypeScript has checked meaning; types and ranges are checked again
// here, cheaply: a wrong one is an error, never a crash. Thread: JavaScript.
#pragma once

#include <napi.h>

#include <optional>
#include <string>

#include "base/id.h"

namespace ashlar::addon {

Result<std::string> string_at(const Napi::Object& from, const char* key);
std::optional<std::string> optional_string_at(const Napi::Object& from, const char* key);
Result<uint64_t> bytes_at(const Napi::Object& from, const char* key);  // bigint
Result<Id> id_at(const Napi::Object& from, const char* key);
Result<Hash> hash_at(const Napi::Object& from, const char* key);  // 64 hex digits
std::optional<double> number_at(const Napi::Object& from, const char* key);
bool flag_at(const Napi::Object& from, const char* key);

inline Napi::Value big(Napi::Env env, uint64_t value) {
  return Napi::BigInt::New(env, value);
}

// What `make` makes of each of a sized range.
template <typename Items, typename Make>
Napi::Array array_of(Napi::Env env, const Items& items, Make make) {
  Napi::Array array = Napi::Array::New(env, items.size());
  uint32_t at = 0;
  for (const auto& item : items)
    array.Set(at++, make(item));
  return array;
}

}  // namespace ashlar::addon
