//! The `crossload` command.

fn main() -> std::process::ExitCode {
    crossload::cli::run(std::env::args_os())
}
