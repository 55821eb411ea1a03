#pragma once

namespace reqnotes {

/// The version, in this one place: the dump, the start-up notice and the packages take it from
/// here, and the first entry of CHANGELOG.md has the same.
constexpr const char* kVersion = "1.0.0";

}  // namespace reqnotes
