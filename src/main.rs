//! Homeward's one binary.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Two crypto providers may end up in one program; the first thing done is to say which one it is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    homeward::cli::main()
}
