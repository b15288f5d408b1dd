// Result<T>: a value or an Error. [[nodiscard]], no exceptions, no out-parameters.
// TRY(expr) yields the value or returns the error to the caller; it is the only macro that may
// return.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace ashlar {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const { CHECK(ok()); }
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace ashlar

#define ASHLAR_TRY_NAMED(name, expression)     \
  ({                                           \
    auto name = (expression);                  \
    if (!name) return std::move(name).error(); \
    std::move(name).value();                   \
  })
#define ASHLAR_TRY_COUNTED(counter, expression) ASHLAR_TRY_NAMED(try_result_##counter, expression)
#define ASHLAR_TRY_EXPANDED(counter, expression) ASHLAR_TRY_COUNTED(counter, expression)
// The counter keeps one TRY inside another's expression from shadowing it.
#define TRY(expression) ASHLAR_TRY_EXPANDED(__COUNTER__, expression)
