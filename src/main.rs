//! Arguments in, exit status out.

use std::process::ExitCode;

/// A night takes and gives back tables of hundreds of megabytes on several threads. The C library's heap keeps more than
/// half as much again as is in use (and musl's is slow on threads): this one gives back what is free.
#[cfg(unix)]
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ExitCode::from(leadrecon::cli::main(std::env::args_os()))
}
