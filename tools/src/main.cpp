// The program `weir`.
#include <iostream>

#include "cli.hpp"

int main(int count, char** arguments) { return weir::tools::run_command_line(count, arguments, std::cout, std::cerr); }
