//! Runs of the fuzz targets without a fuzzer: inputs from fixed seeds, and single inputs from files.

use super::counters::Counts;
use super::generate::case::{Input, LONG, STEP};
use super::strict::Strict;
use super::{Failure, Target};

/// Bytes of one input.
const LENGTH: usize = 512;

/// Runs `executions` pseudo-random inputs, a fixed sequence for each seed.
///
/// # Errors
/// The first failure, with the input in hex before it.
pub fn smoke(
    target: &Target,
    seed: u64,
    executions: u64,
    strict: Strict,
) -> Result<Counts, Failure> {
    let mut counts = Counts { strict, every_rule: true, ..Counts::default() };
    for turn in 0..executions {
        let input = input_for(target, seed, turn);
        if let Err(failure) = (target.run)(&input, &mut counts) {
            let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
            return Err(Failure(format!(
                "{} {seed}:{turn}: {hex}\n{failure}\n{counts}",
                target.name
            )));
        }
    }
    Ok(counts)
}

/// Input `turn` of a sequence: SplitMix64, up to `LENGTH` bytes.
#[must_use]
pub fn input(seed: u64, turn: u64) -> Vec<u8> {
    let mut state =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ turn.wrapping_mul(0xd134_2543_de82_ef95);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let length = next() as usize % LENGTH;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Input `turn` of a sequence for a target. One that begins with a shape is twice as long, and both the
/// shape and what comes behind it have a quarter of it or more: with no choices left nothing evolves, and no
/// subsection is sent.
#[must_use]
pub fn input_for(target: &Target, seed: u64, turn: u64) -> Vec<u8> {
    let bytes = input(seed, turn);
    if target.shaped { balanced([bytes, input(!seed, turn)].concat()) } else { bytes }
}

/// Choices with a shape between a quarter and three quarters of them.
fn balanced(mut bytes: Vec<u8>) -> Vec<u8> {
    let quarter = bytes.len() / 4 / STEP;
    if let Some(steps) = bytes.get_mut(1) {
        *steps = (quarter + usize::from(*steps) % (2 * quarter + 1)).min(LONG - 1) as u8;
    }
    bytes
}

/// What a fuzzer tries now and then in the place of an input for a generator: other choices, all of
/// them or those behind the shape.
#[must_use]
pub fn fresh(bytes: &[u8], choices: &[u8]) -> Vec<u8> {
    if choices.len().is_multiple_of(2) {
        return balanced(choices.to_vec());
    }
    let kept = Input::of(bytes).head();
    [bytes.get(..kept).unwrap_or_default(), choices].concat()
}

/// Where the choices of an input for a generator begin that leave its shape as it is.
#[must_use]
pub fn after_shape(bytes: &[u8]) -> usize {
    Input::of(bytes).head().min(bytes.len())
}
