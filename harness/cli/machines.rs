//! `crossload verify` for machines that nobody recorded: the user's sample, and the output.

use super::Output;
pub(super) use crate::qemu::machines::random;
use crate::qemu::machines::{Checked, Comparison, Sample};
use crate::qemu::verify::Stream;
use crate::report::targets::sentence_of;

/// A user's stream with the user's arguments. The machine type is the one that they name.
pub(super) fn sample(stream: &Stream, arguments: &[String]) -> Sample {
    let mut machine = String::new();
    let mut rest = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-M" | "-machine" | "--machine" => {
                let value = words.next().map_or("", String::as_str);
                let value = value.strip_prefix("type=").unwrap_or(value);
                let (name, options) = value.split_once(',').unwrap_or((value, ""));
                match (name.contains('='), options.is_empty()) {
                    // Options of a machine type that another word names.
                    (true, _) => rest.extend([word.clone(), value.to_owned()]),
                    (false, true) => machine = name.to_owned(),
                    (false, false) => {
                        machine = name.to_owned();
                        rest.extend(["-machine".to_owned(), options.to_owned()]);
                    }
                }
            }
            _ => rest.push(word.clone()),
        }
    }
    Sample {
        name: stream.name.clone(),
        source: None,
        machine,
        arguments: rest,
        own: true,
        roms: Default::default(),
        stream: stream.bytes.clone(),
    }
}

/// Disagreements, then the counts.
pub(super) fn output(all: Vec<(Sample, Result<Vec<Checked>, String>)>) -> Output {
    let mut text = String::new();
    let (mut agree, mut undetermined, mut differ, mut other, mut unread) = (0, 0, 0, 0, 0);
    for (sample, checked) in &all {
        match checked {
            Err(why) => {
                unread += 1;
                text += &format!("{}\n  not read by its own release: {why}\n", sample.name);
            }
            Ok(checked) => {
                for one in checked {
                    let sentence = sentence_of(&one.row, sample.source.as_deref().unwrap_or(""));
                    match &one.comparison {
                        Comparison::Agree => agree += 1,
                        Comparison::NotStarted => other += 1,
                        Comparison::Undetermined => {
                            undetermined += 1;
                            text += &format!(
                                "{}\n  into {}: undetermined: {sentence}\n",
                                sample.name, one.release
                            );
                        }
                        Comparison::Differ(how) => {
                            differ += 1;
                            let lines = one.real.stderr.lines();
                            let lines: Vec<&str> =
                                lines.filter(|line| !line.contains("warning:")).collect();
                            let stderr = lines.join(" | ");
                            text += &format!(
                                "{}\n  into {}: {how}\n    model: {sentence}\n    binary: {stderr}\n    \
                                 arguments: {}\n",
                                sample.name,
                                one.release,
                                sample.arguments.join(" ")
                            );
                        }
                    }
                }
            }
        }
    }
    text += &format!(
        "{} machines, {} loads: {agree} agree, {differ} differ, {undetermined} undetermined; \
         {other} not started, as the binary lacks an option of the machine; {unread} streams not \
         read\n",
        all.len(),
        agree + differ + undetermined + other
    );
    Output { text, holds: differ == 0 }
}
