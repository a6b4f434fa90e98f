// Conversions between float and the 16-bit formats, round to nearest even, NaN and infinities kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hone {

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

// Whole arrays; uses F16C where the CPU has it. source and target have the same length and do not overlap.
void f16_to_f32(std::span<const uint16_t> source, float* target);
void f32_to_f16(std::span<const float> source, uint16_t* target);

}  // namespace hone
