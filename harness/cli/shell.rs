//! `crossload completions` and `crossload man`: both are generated from the definition of the command
//! line.

use std::path::PathBuf;

use clap::CommandFactory;

use super::{Cli, CliError, Output};
use crate::release::files;

/// Options of `completions`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload completions bash > ~/.local/share/bash-completion/completions/crossload
  crossload completions zsh > ~/.local/share/zsh/site-functions/_crossload
  crossload completions fish > ~/.config/fish/completions/crossload.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload man --into ~/.local/share/man/man1 && man crossload-diff")]
pub(super) struct Man {
    /// The folder
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
}

/// Runs `completions`.
pub(super) fn completions(args: &Completions) -> Output {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "crossload", &mut text);
    Output { text: String::from_utf8_lossy(&text).into_owned(), holds: true }
}

/// Runs `man`.
pub(super) fn man(args: &Man) -> Result<Output, CliError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut written = 0;
    for (name, page) in pages(&command) {
        let mut text = Vec::new();
        let path = args.into.join(format!("{name}.1"));
        let failed = |source| CliError::Folder(path.clone(), source);
        page.render(&mut text).map_err(failed)?;
        files::write_if_changed(&path, &text)?;
        written += 1;
    }
    let text = format!("{written} pages are in {}\n", args.into.display());
    Ok(Output { text, holds: true })
}

/// A page for the command and for each verb, by name.
fn pages(command: &clap::Command) -> Vec<(String, clap_mangen::Man)> {
    let mut pages = vec![("crossload".to_owned(), clap_mangen::Man::new(command.clone()))];
    for verb in command.get_subcommands() {
        let name = format!("crossload-{}", verb.get_name());
        pages.push((name, clap_mangen::Man::new(verb.clone())));
    }
    pages
}
