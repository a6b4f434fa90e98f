// The .pt door.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "base/file.h"
#include "ir/graph.h"

namespace hone {

// Reads a checkpoint. The graph has one input `images` f32 [-1, channels, -1, -1] with dim names batch,
// height, width, and for a detector one output `output0` [batch, 4+nc, anchors] made by a DecodeBoxes node.
// Metadata: description, author, date, version, license, docs, stride, task, head, batch, imgsz, names, args,
// channels, end2end as reference/ultralytics_cli.md section 6 gives them (Python str() text); what the
// export's arguments decide (batch, imgsz, args, date) the exporter overwrites. Constants are views of the
// mapped file, kept alive by the graph.
Result<Graph> import_pt(const std::filesystem::path& path);
Result<Graph> import_pt(std::shared_ptr<const MappedFile> file);
// The same from memory that `owner` keeps alive; `name` stands for the path.
Result<Graph> import_pt(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                        const std::filesystem::path& name);

}  // namespace hone
