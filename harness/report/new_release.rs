//! What a new release changes: its cells compared with those of the release before.

use super::findings::findings;
use super::table::{finding_text, summary};
use crate::matrix::sentence::cause;
use crate::matrix::{Cell, CellResult, Config, Run, Standing};

/// A release that was added, and the one before it.
#[derive(Debug, Clone, Copy)]
pub struct NewRelease<'n> {
    /// The new release.
    pub release: &'n str,
    /// Its cells.
    pub run: &'n Run,
    /// The release before, with its cells, if there is one.
    pub before: Option<(&'n str, &'n [CellResult])>,
}

impl NewRelease<'_> {
    /// Cells of the new release that came out otherwise than the same ones of the release before,
    /// or have none to be compared with and are not good.
    #[must_use]
    pub fn other(&self) -> Vec<CellResult> {
        let is_other = |cell: &&CellResult| match self.twin(&cell.cell) {
            Some(twin) => {
                let key = |c: &CellResult| (c.outcome.name(), cause(&c.outcome));
                cell.standing == Standing::Broken || key(twin) != key(cell)
            }
            None => cell.standing != Standing::Good,
        };
        self.run.cells.iter().filter(is_other).cloned().collect()
    }

    /// The cell with the release before in the place of the new one; of a load from one of the two
    /// into the other there is none.
    fn twin(&self, cell: &Cell) -> Option<&CellResult> {
        let (before, cells) = self.before?;
        if cell.source == before || cell.destination == before {
            return None;
        }
        let name = |name: &str| if name == self.release { before } else { name }.to_owned();
        let cell = Cell {
            source: name(&cell.source),
            destination: name(&cell.destination),
            ..cell.clone()
        };
        cells.iter().find(|other| other.cell == cell)
    }

    /// As text: the cells that came out otherwise, the number of those that did not, the summary.
    #[must_use]
    pub fn text(&self, config: &Config) -> String {
        let other = self.other();
        let mut text = String::new();
        for finding in findings(&other) {
            text += "\n";
            text += &finding_text(&finding, config);
        }
        // What came out otherwise and is well.
        let well: Vec<&CellResult> =
            other.iter().filter(|cell| cell.standing == Standing::Good).collect();
        if let (Some((before, _)), Some(first)) = (self.before, well.first()) {
            let n = well.len();
            text += &format!(
                "\n{n} cells are well in another way than with {before}, such as {}: {}\n",
                first.cell,
                first.outcome.name()
            );
        }
        for problem in &self.run.problems {
            text += &format!("\nfixture: {problem}\n");
        }
        text += "\n";
        if let Some((before, _)) = self.before {
            let all = self.run.cells.len();
            text += &format!("{} of {all} cells are as with {before}.\n", all - other.len());
        }
        text + &summary(self.run, &self.run.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Filter, Plan, run};
    use crate::release::corpus::Corpus;
    use crate::release::library::Library;
    use crate::wire::Feed;

    /// 10.0 after 8.2.0, on a machine type that both have: only what is between the two, and what
    /// 8.2.0 has no part in, is reported, of a run in which several cells are known to break the policy.
    #[test]
    fn what_is_as_with_the_release_before_is_a_number() {
        let corpus = Corpus::embedded().unwrap();
        let text = corpus.text("matrix.toml").unwrap().unwrap();
        let config = Config::parse("matrix.toml", &text).unwrap();
        let library = Library::open(corpus).unwrap();
        let of = |release: &str, scenario: &str| {
            let filter = Filter {
                releases: vec![release.to_owned()],
                machines: vec!["pc-i440fx-2.4".to_owned(), "pc-i440fx-5.2".to_owned()],
                scenarios: vec![scenario.to_owned()],
                ..Filter::default()
            };
            let plan = Plan::new(&config, library.fixtures(), &filter).unwrap();
            run(&library, &config, &plan, &Feed::Bulk).unwrap()
        };
        let (new, old) = (of("10.0", "idle"), of("7.2", "idle"));
        let added = NewRelease { release: "10.0", run: &new, before: Some(("7.2", &old.cells)) };
        let other = added.other();
        assert!(other.len() < new.cells.len() / 2, "{} of {}", other.len(), new.cells.len());
        let refusals = |cells: &[CellResult]| {
            cells.iter().filter(|c| c.standing == Standing::Reported).count()
        };
        // 5.2 to 10.0 into 2.4.1 and newer are refused, and so were 7.2's.
        assert!(refusals(&new.cells) > refusals(&other), "{}", refusals(&other));
        let text = added.text(&config);
        assert!(text.contains("cells are as with 7.2."), "{text}");
        // Nothing to be compared with: all that is not good is reported.
        let alone = NewRelease { before: None, ..added };
        assert_eq!(refusals(&alone.other()), refusals(&new.cells));

        // A cell that breaks the policy is reported, whatever the one before did.
        let mut broken = new.clone();
        broken.cells.iter_mut().for_each(|cell| cell.standing = Standing::Broken);
        assert_eq!(NewRelease { run: &broken, ..added }.other().len(), broken.cells.len());
    }
}
