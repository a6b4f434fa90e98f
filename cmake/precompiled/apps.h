// What the command line includes.
#pragma once
#include "ir.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
