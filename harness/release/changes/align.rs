//! Aligns two lists of fields: which field of one is which of the other, so that most of both are kept in
//! order.

/// How many pairs of fields are weighed at most: 2,000 fields on either side.
const MOST: usize = 4_000_000;

/// One step through both lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// These two are the same field.
    Both(usize, usize),
    /// Only the first list has it.
    First(usize),
    /// Only the second list has it.
    Second(usize),
}

/// The steps through lists of these lengths that add up to the highest score; `score` is 0 for two
/// that are not the same. `None`: the lists are too long.
#[must_use]
pub fn align(
    first: usize,
    second: usize,
    score: impl Fn(usize, usize) -> u32,
) -> Option<Vec<Step>> {
    // Most lists differ in a few places only.
    let shorter = first.min(second);
    let head = (0..shorter).take_while(|i| score(*i, *i) > 0).count();
    let (n, m) = (first - head, second - head);
    let tail = (1..=n.min(m)).take_while(|i| score(first - i, second - i) > 0).count();
    let (n, m) = (n - tail, m - tail);
    if n.saturating_mul(m) > MOST {
        return None;
    }
    // best[i][j]: what the fields from i and j on can come to.
    let width = m + 1;
    let mut best = vec![0u32; (n + 1) * width];
    let at = |best: &[u32], i: usize, j: usize| best.get(i * width + j).copied().unwrap_or(0);
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            let same = score(head + i, head + j);
            let both = if same > 0 { same + at(&best, i + 1, j + 1) } else { 0 };
            let most = both.max(at(&best, i + 1, j)).max(at(&best, i, j + 1));
            if let Some(cell) = best.get_mut(i * width + j) {
                *cell = most;
            }
        }
    }
    let mut steps: Vec<Step> = (0..head).map(|i| Step::Both(i, i)).collect();
    let (mut i, mut j) = (0, 0);
    while i < n || j < m {
        let here = at(&best, i, j);
        let same = if i < n && j < m { score(head + i, head + j) } else { 0 };
        if same > 0 && here == same + at(&best, i + 1, j + 1) {
            steps.push(Step::Both(head + i, head + j));
            (i, j) = (i + 1, j + 1);
        } else if j >= m || (i < n && here == at(&best, i + 1, j)) {
            steps.push(Step::First(head + i));
            i += 1;
        } else {
            steps.push(Step::Second(head + j));
            j += 1;
        }
    }
    steps.extend((0..tail).rev().map(|back| Step::Both(first - 1 - back, second - 1 - back)));
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(first: &str, second: &str) -> String {
        let (a, b) = (first.as_bytes(), second.as_bytes());
        let steps = align(a.len(), b.len(), |i, j| u32::from(a[i] == b[j])).unwrap();
        steps
            .into_iter()
            .map(|step| match step {
                Step::Both(i, _) => char::from(a[i]).to_string(),
                Step::First(i) => format!("-{}", char::from(a[i])),
                Step::Second(j) => format!("+{}", char::from(b[j])),
            })
            .collect()
    }

    #[rstest::rstest]
    #[case("abc", "abc", "abc")]
    #[case("abc", "abxc", "ab+xc")]
    #[case("abc", "ac", "a-bc")]
    #[case("abc", "axc", "a-b+xc")]
    #[case("", "ab", "+a+b")]
    #[case("ab", "", "-a-b")]
    #[case("abcd", "bcda", "-abcd+a")]
    #[case("aab", "ab", "a-ab")]
    fn fields_keep_their_order(#[case] a: &str, #[case] b: &str, #[case] steps: &str) {
        assert_eq!(letters(a, b), steps);
    }

    #[test]
    fn lists_without_end_are_not_weighed() {
        assert!(align(3_000, 3_000, |_, _| 0).is_none());
        assert!(align(3_000, 3_000, |i, j| u32::from(i == j)).is_some());
    }
}
