#include "base/python_literal.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(PythonLiteral, ReadsWhatUltralyticsWrites) {
  const auto names = parse_python_literal("{0: 'person', 1: \"driver's car\", 2: 'caf\\u00e9'}");
  ASSERT_TRUE(names);
  EXPECT_EQ(python_to_json(*names), "{\"0\": \"person\", \"1\": \"driver's car\", \"2\": \"caf\xc3\xa9\"}");
  const auto args = parse_python_literal("{'data': None, 'batch': 1, 'fraction': 1.0, 'dynamic': False}");
  ASSERT_TRUE(args);
  EXPECT_EQ(python_to_json(*args), "{\"data\": null, \"batch\": 1, \"fraction\": 1.0, \"dynamic\": false}");
}

TEST(PythonLiteral, ReprComesBackAsItWas) {
  for (const std::string text :
       {"[640, 640]", "{0: 'a', 1: \"it's\"}", "[]", "{}", "None", "-3", "[1.5, [True]]", "'a\\\\b\\n'"}) {
    const auto value = parse_python_literal(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(python_repr(*value), text);
  }
}

TEST(PythonLiteral, HostileTextIsRefused) {
  for (const std::string text :
       {"", "[", "[1", "{1: }", "'abc", "'\\x1", "__import__('os')", "1 2", "[1 2]", "{1, 2}"})
    EXPECT_FALSE(parse_python_literal(text)) << text;
  EXPECT_FALSE(parse_python_literal(std::string(100000, '[')));
}

}  // namespace
}  // namespace hone
