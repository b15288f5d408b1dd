#include "addon/values.h"

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
