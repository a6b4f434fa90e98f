// What tests include.
#pragma once
#include "ir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
