#include "addon/values.h"

#include <cstdio>

namespace ashlar::addon {
namespace {

Error wrong(const char* key, const char* kind) {
  return error(Code::kInvalidArgument, std::string(key) + " is missing or not " + kind);
}

}  // namespace

Result<std::string> string_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsString()) return wrong(key, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::optional<std::string> optional_string_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsString()) return std::nullopt;
  return value.As<Napi::String>().Utf8Value();
}

Result<uint64_t> bytes_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsBigInt()) return wrong(key, "a bigint");
  bool lossless = false;
  const uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) return wrong(key, "in the range of 64 bits");
  return number;
}

Result<Id> id_at(const Napi::Object& from, const char* key) {
  return parse_id(TRY(string_at(from, key)));
}

Result<Hash> hash_at(const Napi::Object& from, const char* key) {
  const std::string hex = TRY(string_at(from, key));
  Hash hash;
  if (hex.size() != 2 * hash.size()) return wrong(key, "64 hex digits");
  for (size_t i = 0; i < hash.size(); i++) {
    unsigned value = 0;
    if (std::sscanf(hex.substr(2 * i, 2).c_str(), "%2x", &value) != 1) {
      return wrong(key, "64 hex digits");
    }
    hash[i] = uint8_t(value);
  }
  return hash;
}

std::optional<double> number_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsNumber()) return std::nullopt;
  return value.As<Napi::Number>().DoubleValue();
}

bool flag_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

}  // namespace ashlar::addon
