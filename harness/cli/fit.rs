//! Wraps long lines to the width of a terminal.

use textwrap::{Options, WordSeparator, WordSplitter};

/// Lines of prose that are wider are broken between words; what follows is indented as the line is,
/// or as its last column. A line of columns, and one that is not read by people, stays as it is.
pub(super) fn fit(text: &str, width: usize) -> String {
    // JSON and XML.
    if text.trim_start().starts_with(['{', '[', '<']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end_matches('\n');
        match hanging(trimmed).filter(|hanging| hanging * 2 < width) {
            Some(hanging) if textwrap::core::display_width(trimmed) > width => {
                let (head, rest) = trimmed.split_at(indent(trimmed));
                let below = " ".repeat(hanging);
                let options = Options::new(width)
                    .initial_indent(head)
                    .subsequent_indent(&below)
                    .break_words(false)
                    .word_separator(WordSeparator::AsciiSpace)
                    .word_splitter(WordSplitter::NoHyphenation);
                out += &textwrap::fill(rest, options);
                out += &line[trimmed.len()..];
            }
            _ => out += line,
        }
    }
    out
}

/// Bytes of space at the beginning.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where the last column begins, if what comes before it is short enough to be repeated as space;
/// else where the line does. `None`: it is a table.
fn hanging(line: &str) -> Option<usize> {
    let begin = indent(line);
    let rest = line.get(begin..)?;
    let Some(gap) = rest.rfind("  ") else {
        let list = if rest.starts_with("- ") { 2 } else { 0 };
        return Some(begin + list);
    };
    let head = rest.get(..gap)?;
    let last = rest.get(gap..)?.trim_start();
    // One word is the cell of a table.
    (last.contains(' ') && !head.is_empty())
        .then(|| textwrap::core::display_width(line) - textwrap::core::display_width(last))
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[rstest::rstest]
    #[case("short\n", "short\n")]
    #[case("one two three four five\n", "one two three\nfour five\n")]
    #[case("  one two three four\n", "  one two\n  three four\n")]
    #[case("- one two three four\n", "- one two\n  three four\n")]
    // The last of several columns.
    #[case("a  one two three four\n", "a  one two\n   three four\n")]
    // A grid, a word that is longer than the line, and JSON.
    #[case("0.12.5  =  (!)  x  x  x\n", "0.12.5  =  (!)  x  x  x\n")]
    #[case("aaaaaaaaaaaaaaaaaaaaaaaaa b\n", "aaaaaaaaaaaaaaaaaaaaaaaaa\nb\n")]
    #[case("{\"a\": \"one two three four\"}", "{\"a\": \"one two three four\"}")]
    // Colours take no room.
    #[case("\u{1b}[31mone\u{1b}[0m two three\n", "\u{1b}[31mone\u{1b}[0m two three\n")]
    fn lines_fit(#[case] text: &str, #[case] fitted: &str) {
        assert_eq!(fit(text, 13), fitted);
    }
}
