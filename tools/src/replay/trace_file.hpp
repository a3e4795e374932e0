// Requests from a file, once through: the public Azure LLM inference format (`TIMESTAMP,ContextTokens,GeneratedTokens`)
// or the plain one (`arrival_s,weight,service_us[,tenant]`), recognised by the header. Memory does not depend on the
// file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "line_reader.hpp"
#include "request.hpp"

namespace weir::tools {

/// Arrivals count from the first request of the file. Tenants are allowed for and not looked at. In the Azure format
/// the weight is `ContextTokens` and the service is `GeneratedTokens` times the cost of a token; in the plain one both
/// stand there. Empty lines are allowed at the end only.
class trace_file final : public request_source {
 public:
  /// The most CPU time that one request may ask for.
  static constexpr std::chrono::hours longest_service{1};

  /// Opens the file and reads its header. `token_cost` is above 0. @throws bad_input
  trace_file(std::string path, std::chrono::nanoseconds token_cost);

  [[nodiscard]] bool next(request& out) override;
  void rewind() override;

 private:
  enum class format { azure, plain, plain_with_tenant };

  void read_header();
  void check_rest_is_empty();
  [[nodiscard]] std::chrono::nanoseconds arrival_since_first(std::chrono::nanoseconds time, std::string_view text);

  line_reader lines_;
  std::chrono::nanoseconds token_cost_;
  format format_ = format::azure;
  bool any_ = false;  // whether first_ is known
  std::chrono::nanoseconds first_{};
  std::chrono::nanoseconds last_{};
};

}  // namespace weir::tools
