//! How design 10 identifies a feature: by its owner, level by level, and by its place.
//!
//! ```text
//! key: levels { vendor }* path    levels 0: no more keys
//! ```
//!
//! Upstream and its downstreams are one level, a downstream of a downstream is two. Each level is a
//! name of its own: joined to one string, `com.example` with `.net.X` below it and
//! `com.example.net` with `.X` would be the same.

use std::fmt;

use super::cursor::{Cursor, shown};
use super::sink::Refusal;
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Who added it: a vendor, the one that builds on that vendor's release, and so on.
    vendors: Vec<String>,
    /// Its place in the device.
    path: String,
}

impl Key {
    /// The key of a feature ([`super::model::Field::feature`]) in its place.
    #[must_use]
    pub fn of(feature: &str, path: &str) -> Self {
        let vendor = feature.split_once(':').map_or(feature, |(vendor, _)| vendor);
        Key { vendors: vendor.split('/').map(str::to_string).collect(), path: path.to_string() }
    }

    /// Writes it.
    pub fn put(&self, out: &mut Writer) {
        let levels = u8::try_from(self.vendors.len()).unwrap_or(u8::MAX);
        out.u8(levels);
        for vendor in self.vendors.iter().take(usize::from(levels)) {
            out.counted(vendor.as_bytes());
        }
        out.counted(self.path.as_bytes());
    }

    /// Writes that there are no more.
    pub fn put_end(out: &mut Writer) {
        out.u8(0);
    }

    /// Reads the next one, if there is one.
    ///
    /// # Errors
    /// [`Refusal::End`].
    pub fn take(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Refusal> {
        let levels = cursor.u8()?;
        if levels == 0 {
            return Ok(None);
        }
        let vendors = (0..levels).map(|_| cursor.counted().map(shown));
        let vendors = vendors.collect::<Result<_, _>>()?;
        Ok(Some(Key { vendors, path: shown(cursor.counted()?) }))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.vendors.join("/"), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &Key) -> Vec<u8> {
        let mut out = Writer::new();
        key.put(&mut out);
        out.into_bytes()
    }

    #[rstest::rstest]
    #[case("org.qemu:X", b"\x01\x08org.qemu\x02.X")]
    #[case("com.example:X", b"\x01\x0bcom.example\x02.X")]
    #[case("com.example/net.example:X", b"\x02\x0bcom.example\x0bnet.example\x02.X")]
    fn each_level_is_a_name_of_its_own(#[case] feature: &str, #[case] expected: &[u8]) {
        let key = Key::of(feature, ".X");
        assert_eq!(bytes(&key), expected);
        assert_eq!(Key::take(&mut Cursor::over(expected)), Ok(Some(key)));
        let cut = expected.len() - 1;
        let cut = Key::take(&mut Cursor::over(expected.get(..cut).unwrap_or_default()));
        assert_eq!(cut, Err(Refusal::End));
    }

    /// What would be one string if levels and path were joined by dots.
    #[test]
    fn levels_and_path_do_not_run_into_each_other() {
        let keys = [
            Key::of("com.example/net:X", ".X"),
            Key::of("com.example.net:X", ".X"),
            Key::of("com.example:X", ".net.X"),
        ];
        for (i, one) in keys.iter().enumerate() {
            for other in keys.iter().skip(i + 1) {
                assert_ne!(one, other);
                assert_ne!(bytes(one), bytes(other));
            }
        }
    }
}
