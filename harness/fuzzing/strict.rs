//! Which misparses that the protocol allows count as failures, too.

use super::ambiguity::Cause;

/// Which misparses that the protocol allows are failures, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strict {
    /// None of them.
    #[default]
    No,
    /// All of them.
    All,
    /// Those through one gap.
    Only(Cause),
}

impl Strict {
    /// What `CROSSLOAD_STRICT` says: `1`, or the [key](Cause::key) of a cause.
    ///
    /// # Errors
    /// A value that is neither, with those that are expected.
    pub fn from_environment() -> Result<Self, String> {
        let value = std::env::var("CROSSLOAD_STRICT").unwrap_or_default();
        match value.as_str() {
            "" | "0" => Ok(Strict::No),
            "1" => Ok(Strict::All),
            key => match Cause::ALL.into_iter().find(|c| c.key() == key) {
                Some(cause) => Ok(Strict::Only(cause)),
                None => {
                    let keys: Vec<&str> = Cause::ALL.iter().map(|c| c.key()).collect();
                    Err(format!(
                        "CROSSLOAD_STRICT={key}: expected 0, 1 or one of {}",
                        keys.join(", ")
                    ))
                }
            },
        }
    }

    /// Whether a misparse through this gap is a failure.
    #[must_use]
    pub fn forbids(self, cause: Cause) -> bool {
        self == Strict::All || self == Strict::Only(cause)
    }
}
