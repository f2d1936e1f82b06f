//! All of it is in the library, which the service's demo and tests use as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulator::cli::main()
}
