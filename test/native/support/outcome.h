// Assertions on a Result: it is a value, or it is this error with this in its message.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "base/result.h"

#define ASSERT_OK(expression)                               \
  do {                                                      \
    const auto& outcome_ = (expression);                    \
    ASSERT_TRUE(outcome_.ok()) << outcome_.error().message; \
  } while (false)

#define EXPECT_OK(expression)                               \
  do {                                                      \
    const auto& outcome_ = (expression);                    \
    EXPECT_TRUE(outcome_.ok()) << outcome_.error().message; \
  } while (false)

namespace ashlar::test {

template <typename T>
testing::AssertionResult fails_with(const Result<T>& result, Code code, std::string_view words) {
  if (result.ok()) return testing::AssertionFailure() << "succeeded, not " << code_name(code);
  const Error& error = result.error();
  if (error.code == code && error.message.find(words) != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << "failed with " << code_name(error.code) << ", not " << code_name(code) << " about \""
         << words << "\": " << error.message;
}

}  // namespace ashlar::test
