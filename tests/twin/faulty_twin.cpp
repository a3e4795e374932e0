// faulty_twin MISTAKE FILE: 1 if the twin that makes this mistake decides otherwise than the flight, else 0.
#include <cstdio>
#include <exception>

#include "mistakes.hpp"
#include "simulate/flight_file.hpp"
#include "simulate/twin.hpp"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  model::mistake = arguments[1];
  try {
    const weir::tools::twin_result result = weir::tools::run_twin(weir::tools::read_flight(arguments[2]));
    return result.first_difference ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
