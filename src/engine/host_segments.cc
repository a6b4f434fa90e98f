#include "engine/host_segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "device/cuda/driver.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 64;   // of a dense tensor
constexpr size_t kArenaUnit = 256;  // of the arena's offsets

size_t element_bytes(const TensorDesc& desc) { return dtype_bits(desc.type) / 8; }
size_t dense_bytes(const TensorDesc& desc) {
  return desc.has_shape ? layout_bytes(desc.type, desc.shape, desc.layout).value_or(0) : 0;
}
bool is_strided(const Operand& o) {
  return image_count(o.desc) > 1 && o.image_stride != dense_image_stride(o.desc);
}
// From its first byte to its last.
size_t span_bytes(const Operand& o) {
  if (!is_strided(o)) return dense_bytes(o.desc);
  const int64_t elements = (image_count(o.desc) - 1) * o.image_stride + dense_image_stride(o.desc);
  return static_cast<size_t>(elements) * element_bytes(o.desc);
}

bool moves(const Operand& o) {
  return o.place == Operand::Place::arena || o.place == Operand::Place::input ||
         o.place == Operand::Place::output;
}
bool same_place(const Operand& a, const Operand& b) {
  return a.place == b.place && a.index == b.index && a.offset_bytes == b.offset_bytes &&
         a.image_stride == b.image_stride && a.desc.type == b.desc.type && a.desc.shape == b.desc.shape;
}

}  // namespace

HostSegments::~HostSegments() = default;

Result<std::unique_ptr<HostSegments>> HostSegments::make(const Plan& plan, EngineData& engine,
                                                         CudaDevice& device, size_t thread_count) {
  std::vector<Segment> segments = segments_of(plan);
  std::erase_if(segments, [](const Segment& segment) { return segment.device == DeviceKind::cuda; });
  if (segments.empty()) return nullptr;
  std::unique_ptr<HostSegments> made(new HostSegments(plan, device, thread_count));
  HONE_TRY(made->allocate(segments));
  for (const Segment& segment : segments) {
    HONE_ASSIGN(HostSegment prepared, made->prepare(segment, engine));
    made->segments_.push_back(std::make_unique<HostSegment>(std::move(prepared)));
  }
  return made;
}

// Pinned memory for all that the CPU's steps touch.
Result<> HostSegments::allocate(const std::vector<Segment>& segments) {
  size_t begin = plan_.arena_bytes, end = 0;
  std::vector<bool> reads(plan_.inputs.size(), false), writes(plan_.outputs.size(), false);
  const auto touch = [&](size_t offset, size_t bytes) {
    begin = std::min(begin, offset / kArenaUnit * kArenaUnit), end = std::max(end, offset + bytes);
  };
  for (const Segment& segment : segments)
    for (size_t s = segment.first; s < segment.first + segment.count; ++s) {
      const Step& step = plan_.steps[s];
      for (const auto* operands : {&step.inputs, &step.outputs})
        for (const Operand& o : *operands) {
          if (o.place == Operand::Place::arena) touch(o.offset_bytes, span_bytes(o));
          if (o.place == Operand::Place::input) reads[o.index] = true;
          if (o.place == Operand::Place::output) writes[o.index] = true;
        }
      if (step.workspace_bytes > 0) touch(step.workspace_offset, step.workspace_bytes);
    }
  if (end > begin) {
    arena_begin_ = begin;
    HONE_ASSIGN(arena_, cuda::PinnedBuffer::create(device_, end - begin));
  }
  const auto whole = [&](const std::vector<TensorDesc>& descs, const std::vector<bool>& wanted,
                         std::vector<cuda::PinnedBuffer>& buffers) -> Result<> {
    buffers.resize(descs.size());
    for (size_t i = 0; i < descs.size(); ++i)
      if (wanted[i]) {
        HONE_ASSIGN(buffers[i], cuda::PinnedBuffer::create(device_, dense_bytes(descs[i])));
      }
    return {};
  };
  HONE_TRY(whole(plan_.inputs, reads, inputs_));
  return whole(plan_.outputs, writes, outputs_);
}

std::byte* HostSegments::host_address(const Operand& o) {
  switch (o.place) {
    case Operand::Place::arena:
      return arena_.data() + (o.offset_bytes - arena_begin_);
    case Operand::Place::input:
      return inputs_[o.index].data() + o.offset_bytes;
    case Operand::Place::output:
      return outputs_[o.index].data() + o.offset_bytes;
    default:
      return nullptr;
  }
}

Result<TensorArg> HostSegments::argument(const Operand& operand, const TensorDesc& desc) {
  TensorArg arg{.data = host_address(operand), .desc = &desc, .image_stride = operand.image_stride};
  if (operand.place != Operand::Place::constant) return arg;
  HONE_ASSIGN(const Bytes bytes, plan_.constants[operand.index]->bytes());
  const std::byte* data = bytes.view().data();
  if (reinterpret_cast<uintptr_t>(data) % kAlignment == 0) {
    constants_.push_back(bytes);
  } else {
    HONE_ASSIGN(auto copy, cuda::PinnedBuffer::create(device_, bytes.view().size()));
    std::memcpy(copy.data(), data, bytes.view().size());
    data = copy.data();
    aligned_constants_.push_back(std::move(copy));
  }
  // Kernels read inputs alone; TensorArg serves both directions.
  arg.data = const_cast<std::byte*>(data + operand.offset_bytes);
  return arg;
}

Result<std::span<const std::byte>> HostSegments::packed(const Step& step, size_t s, EngineData& engine) {
  if (step.packed < 0) return std::span<const std::byte>{};
  const uint64_t key = plan_.packed[static_cast<size_t>(step.packed)].key;
  if (const auto found = engine.packs.find(key)) return *found;
  auto bytes = step.kernel->pack(problem_of(plan_, s, threads_.thread_count()));
  if (!bytes) return error_in(fmt::format("weights of {}", step.name), bytes);
  return engine.packs.add(key, std::move(*bytes));
}

void HostSegments::keep_whole(const Operand& o, std::vector<Piece>& pieces) {
  const Piece piece{.place = o.place,
                    .index = o.index,
                    .offset_bytes = o.offset_bytes,
                    .bytes = span_bytes(o),
                    .host = host_address(o)};
  if (piece.bytes > 0 && std::ranges::find(pieces, piece) == pieces.end()) pieces.push_back(piece);
}

// Between the images of a slice lie the bytes of others.
void HostSegments::keep_images(const Operand& o, std::vector<Piece>& pieces) {
  if (!is_strided(o)) return keep_whole(o, pieces);
  const size_t stride = static_cast<size_t>(o.image_stride) * element_bytes(o.desc);
  for (int64_t i = 0; i < image_count(o.desc); ++i)
    pieces.push_back({.place = o.place,
                      .index = o.index,
                      .offset_bytes = o.offset_bytes + static_cast<size_t>(i) * stride,
                      .bytes = static_cast<size_t>(dense_image_stride(o.desc)) * element_bytes(o.desc),
                      .host = host_address(o) + static_cast<size_t>(i) * stride});
}

// What a step reads is brought ahead of the segment, unless the segment makes it; what it writes is taken
// back behind it.
void HostSegments::add_copies(const Step& step, HostSegment& segment, std::vector<Operand>& made) {
  for (const Operand& o : step.inputs)
    if (moves(o) && std::ranges::none_of(made, [&](const Operand& m) { return same_place(m, o); }))
      keep_whole(o, segment.to_host);
  for (const Operand& o : step.outputs)
    if (moves(o)) {
      keep_images(o, segment.to_device);
      made.push_back(o);
    }
}

Result<HostSegments::HostSegment> HostSegments::prepare(const Segment& segment, EngineData& engine) {
  HostSegment prepared{
      .first = segment.first, .steps = {}, .to_host = {}, .to_device = {}, .threads = &threads_};
  std::vector<Operand> made;
  for (size_t s = segment.first; s < segment.first + segment.count; ++s) {
    const Step& step = plan_.steps[s];
    HostStep ready;
    HONE_ASSIGN(const auto weights, packed(step, s, engine));
    auto runner = step.kernel->prepare(problem_of(plan_, s, threads_.thread_count()), weights);
    if (!runner) return error_in(fmt::format("{} by {}", step.name, step.kernel->name()), runner);
    ready.runner = std::move(*runner);
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      HONE_ASSIGN(ready.inputs.emplace_back(), argument(step.inputs[i], step.input_descs[i]));
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      HONE_ASSIGN(ready.outputs.emplace_back(), argument(step.outputs[i], step.output_descs[i]));
    }
    if (step.workspace_bytes > 0) ready.workspace = arena_.data() + (step.workspace_offset - arena_begin_);
    prepared.steps.push_back(std::move(ready));
    add_copies(step, prepared, made);
  }
  return prepared;
}

void HostSegments::HostSegment::run() {
  for (HostStep& step : steps) {
    const auto start = std::chrono::steady_clock::now();
    step.runner->run(
        {.inputs = step.inputs, .outputs = step.outputs, .workspace = step.workspace, .threads = threads});
    step.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
}

Result<size_t> HostSegments::enqueue(size_t s, const BaseOf& base, cuda::Stream stream) {
  const auto found =
      std::ranges::find_if(segments_, [&](const auto& segment) { return segment->first == s; });
  if (found == segments_.end())
    return error(StatusCode::internal, fmt::format("no segment of the CPU begins with step {}", s));
  HostSegment& segment = **found;
  const cuda::Driver& d = device_.driver();
  const auto on_device = [&](const Piece& piece) {
    return reinterpret_cast<cuda::Address>(base(piece.place, piece.index) + piece.offset_bytes);
  };
  for (const Piece& piece : segment.to_host)
    HONE_TRY(d.check(d.copy_to_host_async(piece.host, on_device(piece), piece.bytes, stream),
                     "cuMemcpyDtoHAsync"));
  HONE_TRY(d.check(d.host_function(
                       stream, [](void* data) { static_cast<HostSegment*>(data)->run(); }, &segment),
                   "cuLaunchHostFunc"));
  for (const Piece& piece : segment.to_device)
    HONE_TRY(d.check(d.copy_to_device_async(on_device(piece), piece.host, piece.bytes, stream),
                     "cuMemcpyHtoDAsync"));
  return s + segment.steps.size();
}

void HostSegments::read_times(std::span<double> step_ms) const {
  for (const auto& segment : segments_)
    for (size_t i = 0; i < segment->steps.size(); ++i) step_ms[segment->first + i] = segment->steps[i].ms;
}

}  // namespace hone
