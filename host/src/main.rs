//! The `aviary` program.

fn main() -> std::process::ExitCode {
    aviary::cli::run()
}
