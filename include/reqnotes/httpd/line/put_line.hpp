#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/ecs_rows.hpp"
#include "reqnotes/httpd/line/otlp_rows.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/text/time.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// The values of the lines of one naming, in their order.
struct RowTable {
  std::span<const BuiltIn> rows;
  std::size_t fields_at;  ///< the declared fields stand before this row
};
/// By Naming.
constexpr RowTable kRowTables[] = {
    {kBuiltIns, index_of("module")},
    {kEcsRows, kEcsFieldsAt},
    {kOtlpRows, kOtlpFieldsAt},
};
static_assert(std::size(kRowTables) == kNamings);

constexpr const RowTable& table_of(Naming naming) {
  return kRowTables[static_cast<std::size_t>(naming)];
}

/// No line has more items than one can be cut with.
constexpr bool has_few_items(LineKind line) {
  return std::ranges::all_of(kRowTables, [line](const RowTable& table) {
    const auto stands = [line](const BuiltIn& row) { return (row.lines & line) != 0; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(table.rows, stands));
    return kMaxFields + count <= kMaxItems;
  });
}
static_assert(has_few_items(kAccessLine) && has_few_items(kMessageLine) &&
              has_few_items(kLossLine));

/// Most bytes of a line with these values, without its texts.
template <LineKind kLine, const Format& kFormat, std::uint64_t kValues>
consteval std::size_t frame_size() {
  std::size_t size = kFormat.open.size() + kFormat.close.size();
  for (const BuiltIn& row : table_of(kFormat.naming).rows) {
    if ((row.lines & kLine) == 0 || (deciding(row) & kValues) == 0) continue;
    size += name_size(kFormat, row.name) + kFormat.marks;
    if (row.form != Form::kText) size += std::max({kDecimalMax, kTimeSize, kTraceIdSize});
  }
  return size;
}

/// Hands the values of a line to `put`, one after the other. Unrolled, so that each is written by
/// code that knows its name.
///
/// facts    the declared fields of the line.
/// values   those of its own that it has, as bits; costs nothing where it is a constant.
template <LineKind kLine, Naming kNaming, class Out>
[[gnu::always_inline]] inline void put_values(const Subject& subject, std::span<const Fact> facts,
                                              std::uint64_t values, Out& put) {
  constexpr const RowTable& kTable = table_of(kNaming);
  const auto put_row = [&]<std::size_t kAt>(std::integral_constant<std::size_t, kAt>)
      __attribute__((always_inline)) {
    if constexpr (kAt == kTable.fields_at) {
      for (const Fact& fact : facts) put.field(fact);
    }
    constexpr const BuiltIn& kRow = kTable.rows[kAt];
    if constexpr ((kRow.lines & kLine) == 0) return;
    constexpr std::uint64_t kDeciding = deciding(kRow);
    if (kRow.stand != Stand::kFixed && (values & kDeciding) == 0) return;
    if constexpr (kRow.form == Form::kText) {
      put.text(kRow.name, kRow.text(subject), kRow.cut);
    } else if constexpr (kRow.form == Form::kHex) {
      put.hex(kRow.name, kRow.text(subject));
    } else if constexpr (kRow.form == Form::kLiteral) {
      put.literal(kRow.name, kRow.text(subject));
    } else if constexpr (kRow.form == Form::kNumber) {
      put.number(kRow.name, kRow.number(subject));
    } else if constexpr (kRow.form == Form::kDigits) {
      put.digits(kRow.name, kRow.number(subject));
    } else {
      put.time(kRow.name, kRow.number(subject));
    }
  };
  [&]<std::size_t... kAt>(std::index_sequence<kAt...>) __attribute__((always_inline)) {
    (put_row(std::integral_constant<std::size_t, kAt>()), ...);
  }
  (std::make_index_sequence<kTable.rows.size()>());
}

/// The items of a line that is not written as they come: one that must be cut.
class ItemList {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): nothing is read before it is written
  explicit ItemList(Naming naming) : naming_(naming) {}

  void text(std::string_view name, std::string_view text, Cut cut) {
    add(text_item(name, text, cut));
  }
  void field(const Fact& fact) { add(field_item(fact, naming_)); }
  void hex(std::string_view name, std::string_view digits) { add(text_item(name, digits)); }
  void literal(std::string_view name, std::string_view text) { add(literal_item(name, text)); }
  void number(std::string_view name, std::int64_t value) { add(number_item(name, value)); }
  void digits(std::string_view name, std::int64_t value) {
    add(number_item(name, value, Form::kDigits));
  }
  void time(std::string_view name, std::int64_t value) { add(time_item(name, value)); }
  [[nodiscard]] std::span<const Item> items() const { return {items_, count_}; }

 private:
  void add(const Item& item) { items_[count_++] = item; }

  union {
    Item items_[kMaxItems];
  };
  std::size_t count_ = 0;
  Naming naming_;
};

template <LineKind kLine, const Format& kFormat>
[[gnu::noinline]] std::size_t put_long_line(const Subject& subject, std::span<const Fact> facts,
                                            std::uint64_t values, std::span<char> buffer) {
  ItemList list(kFormat.naming);
  put_values<kLine, kFormat.naming>(subject, facts, values, list);
  return encode_line(kFormat, list.items(), buffer);
}

/// Writes a line, which is cut where it must be, without a newline.
///
/// returns  its length.
template <LineKind kLine, const Format& kFormat>
std::size_t put_line(const Subject& subject, std::span<const Fact> facts, std::uint64_t values,
                     std::span<char> buffer) {
  LineWriter<kFormat> whole(buffer);
  put_values<kLine, kFormat.naming>(subject, facts, values, whole);
  const std::size_t size = whole.end();
  return size != 0 ? size : put_long_line<kLine, kFormat>(subject, facts, values, buffer);
}

}  // namespace reqnotes
