#include "replay/trace_file.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "all_requests.hpp"
#include "replay/bad_input.hpp"
#include "replay/survey.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using testing::scratch_file;

const std::string azure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
const std::string plain = "arrival_s,weight,service_us\n";

std::vector<request> read(const std::string& content) {
  const scratch_file file(content);
  trace_file trace(file.path(), 2us);
  return all_of(trace);
}

// The message about `content`, without the folder of the file.
std::string message_of(const std::string& content) {
  const scratch_file file(content);
  try {
    trace_file trace(file.path(), 2us);
    (void)all_of(trace);
  } catch (const bad_input& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind(file.path(), 0), 0U) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text.substr(file.folder().size() + 1);
  }
  return "accepted";
}

std::string azure_message(const std::string& lines) { return message_of(azure + lines); }
std::string plain_message(const std::string& lines) { return message_of(plain + lines); }

void expect_starts(const std::string& message, const std::string& start) {
  EXPECT_EQ(message.substr(0, start.size()), start) << message;
}

TEST(TraceFile, AzureFormatGivesArrivalWeightAndTokensTimesCost) {
  const auto all = read(
      azure +
      "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n2023-11-17 00:00:00.0000001,1,0");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].arrival, 0ns);
  EXPECT_EQ(all[0].weight, 374U);
  EXPECT_EQ(all[0].service, 88us);
  EXPECT_EQ(all[1].arrival, 4'314'579'000ns);
  EXPECT_EQ(all[2].arrival, 5h + 44min + 13s + 319'410'100ns);
  EXPECT_EQ(all[2].service, 0ns);
}

TEST(TraceFile, BothLineEndsAndAnyLastLineReadTheSame) {
  const std::string body = "2023-11-16 18:15:46.6805900,374,44";
  for (const char* const end : {"", "\n", "\r\n", "\r\n\r\n", "\n\n\n"}) {
    SCOPED_TRACE(std::string(end).size());
    EXPECT_EQ(read(azure + body + end).size(), 1U);
    EXPECT_EQ(read("TIMESTAMP,ContextTokens,GeneratedTokens\n" + body + end).size(), 1U);
  }
}

TEST(TraceFile, FractionsOfAnyLengthAndUtcMarksAreTimesToo) {
  const auto all = read(azure +
                        "2024-02-29 23:59:59,1,1\n2024-02-29T23:59:59.5Z,1,1\n2024-02-29 23:59:59.500000001+00:00,1,1\n"
                        "2024-03-01 00:00:00,1,1\n");
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1].arrival, 500ms);
  EXPECT_EQ(all[2].arrival, 500'000'001ns);
  EXPECT_EQ(all[3].arrival, 1s);
}

TEST(TraceFile, PlainFormatGivesItsColumns) {
  const auto all = read(plain + "0.5,7,1000\n1e0,2147483647,0.5\n1.000001,0,3600000000");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].arrival, 0ns);
  EXPECT_EQ(all[0].weight, 7U);
  EXPECT_EQ(all[0].service, 1ms);
  EXPECT_EQ(all[0].line, 2U);
  EXPECT_EQ(all[2].line, 4U);
  EXPECT_EQ(all[1].arrival, 500ms);
  EXPECT_EQ(all[1].weight, heaviest_weight);
  EXPECT_EQ(all[1].service, 500ns);
  EXPECT_EQ(all[2].arrival, 500'001us);
  EXPECT_EQ(all[2].weight, 0U);
  EXPECT_EQ(all[2].service, 1h);
}

TEST(TraceFile, TenantsAreAllowedForAndTheirCellIsNeeded) {
  const auto all = read("arrival_s,weight,service_us,tenant\n0,1,1,red\n0,2,1,\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].weight, 2U);
}

TEST(TraceFile, ByteOrderMarkIsSkipped) { EXPECT_EQ(read("\xef\xbb\xbf" + plain + "0,1,1\n").size(), 1U); }

TEST(TraceFile, RewindGivesTheSameRequestsAgain) {
  const scratch_file file(azure + "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109");
  trace_file trace(file.path(), 2us);
  const auto first = all_of(trace);
  trace.rewind();
  const auto second = all_of(trace);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].arrival, second[i].arrival);
    EXPECT_EQ(first[i].weight, second[i].weight);
  }
}

TEST(TraceFile, ReadsLinesAcrossItsBuffer) {
  std::string content = plain;
  constexpr int lines = 20'000;  // several times the buffer
  for (int i = 0; i < lines; ++i) content += std::to_string(i) + "," + std::to_string(i) + ",10\n";
  const auto all = read(content);
  ASSERT_EQ(all.size(), std::size_t{lines});
  for (int i = 0; i < lines; ++i) {
    const request& one = all[static_cast<std::size_t>(i)];
    ASSERT_EQ(one.arrival, std::chrono::seconds(i));
    ASSERT_EQ(one.weight, static_cast<std::uint32_t>(i));
  }
}

TEST(TraceFile, AFileThatCannotBeReadIsNamed) {
  const scratch_file file;
  const std::string missing = file.folder() + "/nowhere.csv";
  try {
    trace_file trace(missing, 2us);
    FAIL() << "opened a missing file";
  } catch (const bad_input& error) {
    EXPECT_EQ(std::string(error.what()), missing +
                                             ":1:1: the file cannot be opened (No such file or directory), a file that "
                                             "can be read is needed, check the path");
  }
  try {
    trace_file trace(file.folder(), 2us);
    FAIL() << "opened a directory";
  } catch (const bad_input& error) {
    expect_starts(error.what(), file.folder() + ":1:1: this is a directory, a regular file is needed");
  }
  EXPECT_THROW(trace_file("/dev/null", 2us), bad_input);
}

TEST(TraceFile, HeaderMustBeKnown) {
  expect_starts(message_of(""),
                "trace.csv:1:1: the file is empty, known headers are TIMESTAMP,ContextTokens,GeneratedTokens and ");
  expect_starts(message_of("a,b,c\n1,2,3\n"), "trace.csv:1:1: unknown header \"a,b,c\", known headers are ");
  expect_starts(message_of("2023-11-16 18:15:46.6805900,374,44\n"),
                "trace.csv:1:1: unknown header \"2023-11-16 18:15:46.6805900,374,44\"");
  expect_starts(message_of(std::string("\x1b[31m\0\xff", 7)), "trace.csv:1:1: unknown header \"\\x1b[31m\\x00\\xff\"");
  expect_starts(message_of(std::string(100'000, 'x')),
                "trace.csv:1:4097: the line is too long, a line has at most 4096 bytes");
}

TEST(TraceFile, CellsAreCounted) {
  expect_starts(azure_message("2023-11-16 18:15:46.6805900,374\n"),
                "trace.csv:2:32: there are 2 cells, 3 cells are needed");
  expect_starts(azure_message("374\n"), "trace.csv:2:4: there is 1 cell, 3 cells are needed");
  expect_starts(azure_message("2023-11-16 18:15:46.6805900,374,44,5\n"),
                "trace.csv:2:36: there is a cell too many, 3 cells are needed");
  expect_starts(plain_message("0,1,1\n0,1,1,red\n"), "trace.csv:3:7: there is a cell too many");
  expect_starts(message_of("arrival_s,weight,service_us,tenant\n0,1,1\n"),
                "trace.csv:2:6: there are 3 cells, 4 cells are needed");
  expect_starts(plain_message("0,1,1\n\n0,1,1\n"), "trace.csv:3:1: the line is empty");
}

TEST(TraceFile, WholeNumbersAreChecked) {
  const std::string time = "2023-11-16 18:15:46.6805900,";
  expect_starts(
      azure_message(time + "abc,1"),
      "trace.csv:2:29: ContextTokens \"abc\" is no whole number, a whole number from 0 to 2147483647 is needed, ");
  expect_starts(azure_message(time + "1.5,1"), "trace.csv:2:29: ContextTokens \"1.5\" is no whole number");
  expect_starts(azure_message(time + ",1"), "trace.csv:2:29: ContextTokens is missing");
  expect_starts(azure_message(time + "-3,1"), "trace.csv:2:29: ContextTokens \"-3\" is negative");
  expect_starts(azure_message(time + "2147483648,1"), "trace.csv:2:29: ContextTokens \"2147483648\" is too large");
  expect_starts(azure_message(time + "99999999999999999999999,1"),
                "trace.csv:2:29: ContextTokens \"99999999999999999999999\" is too large");
  expect_starts(azure_message(time + " 3,1"), "trace.csv:2:29: ContextTokens \" 3\" is no whole number");
  expect_starts(azure_message(time + "3,x"), "trace.csv:2:31: GeneratedTokens \"x\" is no whole number");
  // An hour of CPU time at 2 us a token is the most.
  EXPECT_EQ(azure_message(time + "3,1800000000"), "accepted");
  expect_starts(azure_message(time + "3,1800000001"), "trace.csv:2:31: GeneratedTokens \"1800000001\" is too large");
}

TEST(TraceFile, DecimalNumbersAreChecked) {
  expect_starts(plain_message("x,1,1"),
                "trace.csv:2:1: arrival_s \"x\" is no number, a number from 0 to 4e+09 is needed, ");
  expect_starts(plain_message("nan,1,1"), "trace.csv:2:1: arrival_s \"nan\" is no finite number");
  expect_starts(plain_message("inf,1,1"), "trace.csv:2:1: arrival_s \"inf\" is no finite number");
  expect_starts(plain_message("1e999,1,1"), "trace.csv:2:1: arrival_s \"1e999\" is out of range");
  expect_starts(plain_message("-0.1,1,1"), "trace.csv:2:1: arrival_s \"-0.1\" is negative");
  expect_starts(plain_message("4000000001,1,1"), "trace.csv:2:1: arrival_s \"4000000001\" is too large");
  expect_starts(plain_message("0,1,"), "trace.csv:2:5: service_us is missing");
  expect_starts(plain_message("0,1,3600000001"), "trace.csv:2:5: service_us \"3600000001\" is too large");
  expect_starts(plain_message("0,1,1 "), "trace.csv:2:5: service_us \"1 \" is no number");
}

TEST(TraceFile, TimesAreChecked) {
  const auto at = [](const std::string& time) { return azure_message(time + ",1,1"); };
  for (const char* const wrong :
       {"yesterday", "2023-11-16", "2023-11-16 18:15", "2023/11/16 18:15:46", "2023-11-16 18:15:46.",
        "2023-11-16 18:15:46.1234567890", "2023-11-16 18:15:46+02:00", "2023-1-16 18:15:46.00"}) {
    expect_starts(at(wrong),
                  std::string("trace.csv:2:1: TIMESTAMP \"") + wrong + "\" is no time, a time is written YYYY-MM-DD");
  }
  for (const char* const wrong :
       {"2023-02-29 00:00:00", "2023-13-01 00:00:00", "2023-00-01 00:00:00", "2023-04-31 00:00:00"}) {
    expect_starts(at(wrong), std::string("trace.csv:2:1: TIMESTAMP \"") + wrong + "\" is no date of the calendar");
  }
  for (const char* const wrong : {"2023-11-16 24:00:00", "2023-11-16 00:60:00", "2023-11-16 00:00:60"}) {
    expect_starts(at(wrong), std::string("trace.csv:2:1: TIMESTAMP \"") + wrong + "\" is no time of a day");
  }
  expect_starts(at("1969-12-31 23:59:59"),
                "trace.csv:2:1: TIMESTAMP \"1969-12-31 23:59:59\" is out of range, years 1970 to 2261 are known");
  expect_starts(at(""), "trace.csv:2:1: TIMESTAMP is missing");
}

TEST(TraceFile, ArrivalsMayNotGoBack) {
  expect_starts(azure_message("2023-11-16 18:15:46.6805900,1,1\n2023-11-16 18:15:46.6805899,1,1\n"),
                "trace.csv:3:1: the arrival \"2023-11-16 18:15:46.6805899\" lies before the one above, arrivals may "
                "not go back, sort the file by time");
  expect_starts(plain_message("1,1,1\n1,1,1\n0.999,1,1\n"),
                "trace.csv:4:1: the arrival \"0.999\" lies before the one above");
}

TEST(TraceFile, RealTracesReadToTheEnd) {
  struct known {
    const char* name;
    std::uint64_t requests;
    std::uint32_t median, heaviest;
    std::chrono::nanoseconds service;
  };
  // The first case stands for the real ones where they are not at hand.
  const scratch_file own(azure +
                         "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n2023-11-16 "
                         "18:15:51.2224670,879,55");
  std::vector<std::pair<std::string, known>> cases{{own.path(), {"own", 3, 396, 879, 416us}}};
  if (const char* const folder = std::getenv("WEIR_TRACE_DIR")) {
    cases.push_back(
        {std::string(folder) + "/azure-llm-2023-conv.csv", {"conv", 19'366, 1'020, 14'050, 4'088'665 * 2us}});
    cases.push_back({std::string(folder) + "/azure-llm-2023-code.csv", {"code", 8'819, 1'469, 7'437, 245'896 * 2us}});
  }
  for (const auto& [path, expected] : cases) {
    SCOPED_TRACE(path);
    trace_file trace(path, 2us);
    std::chrono::nanoseconds service{};
    for (const request& one : all_of(trace)) service += one.service;
    trace.rewind();
    const survey all = survey_of(trace);
    EXPECT_EQ(all.requests, expected.requests);
    EXPECT_EQ(all.median_weight, expected.median);
    EXPECT_EQ(all.heaviest, expected.heaviest);
    EXPECT_EQ(service, expected.service);
    EXPECT_EQ(all.weightless, 0U);
  }
}

}  // namespace
}  // namespace weir::tools
