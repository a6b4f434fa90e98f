// Streams, events, graphs and pinned memory of a GPU, each freed with its owner. Their device must outlive
// them. One thread at a time may use one of them.
#pragma once

#include <functional>
#include <utility>

#include "device/cuda/cuda_device.h"

namespace hone::cuda {

class OwnedStream {
 public:
  static Result<OwnedStream> create(CudaDevice& device);
  OwnedStream() = default;
  OwnedStream(OwnedStream&& other) noexcept { swap(other); }
  OwnedStream& operator=(OwnedStream&& other) noexcept { return swap(other), *this; }
  ~OwnedStream();
  Stream get() const { return stream_; }
  Result<> synchronize() const;

 private:
  void swap(OwnedStream& other) { std::swap(device_, other.device_), std::swap(stream_, other.stream_); }
  CudaDevice* device_ = nullptr;
  Stream stream_ = nullptr;
};

class OwnedEvent {
 public:
  static Result<OwnedEvent> create(CudaDevice& device, bool timing = true);
  OwnedEvent() = default;
  OwnedEvent(OwnedEvent&& other) noexcept { swap(other); }
  OwnedEvent& operator=(OwnedEvent&& other) noexcept { return swap(other), *this; }
  ~OwnedEvent();
  Event get() const { return event_; }
  Result<> record(Stream stream) const;
  // What is enqueued on `stream` from now on starts after what was recorded.
  Result<> hold(Stream stream) const;
  Result<> synchronize() const;
  // Between two recorded events, after the later one has happened.
  Result<float> ms_since(const OwnedEvent& earlier) const;

 private:
  void swap(OwnedEvent& other) { std::swap(device_, other.device_), std::swap(event_, other.event_); }
  CudaDevice* device_ = nullptr;
  Event event_ = nullptr;
};

// Launches recorded once, replayed with one call.
class OwnedGraph {
 public:
  // What `enqueue` puts on `stream`. Errors of launches are found here.
  static Result<OwnedGraph> capture(CudaDevice& device, Stream stream,
                                    const std::function<Result<>()>& enqueue);
  OwnedGraph() = default;
  OwnedGraph(OwnedGraph&& other) noexcept { swap(other); }
  OwnedGraph& operator=(OwnedGraph&& other) noexcept { return swap(other), *this; }
  ~OwnedGraph();
  // Takes other parameters for the same launches: cheaper than a new graph. When the launches are not the
  // same, it is made anew.
  Result<> recapture(Stream stream, const std::function<Result<>()>& enqueue);
  Result<> launch(Stream stream) const;

 private:
  void swap(OwnedGraph& other) { std::swap(device_, other.device_), std::swap(graph_, other.graph_); }
  CudaDevice* device_ = nullptr;
  GraphExec graph_ = nullptr;
};

// Page-locked host memory: what a GPU copies to and from at full speed while the host goes on.
class PinnedBuffer {
 public:
  static Result<PinnedBuffer> create(CudaDevice& device, size_t size_bytes);
  PinnedBuffer() = default;
  PinnedBuffer(PinnedBuffer&& other) noexcept { swap(other); }
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept { return swap(other), *this; }
  ~PinnedBuffer();
  std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_; }

 private:
  void swap(PinnedBuffer& other) {
    std::swap(device_, other.device_), std::swap(data_, other.data_), std::swap(size_, other.size_);
  }
  CudaDevice* device_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

enum class MemoryKind : uint8_t { pageable, pinned, device };
// Where an address points; managed memory counts as the device's.
MemoryKind memory_kind(const CudaDevice& device, const void* address);

}  // namespace hone::cuda
