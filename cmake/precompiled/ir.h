// What the rooms after base include.
#pragma once
#include "base.h"

#include "hone/status.h"
#include "hone/types.h"
#include "ir/graph.h"
#include "ir/infer.h"
