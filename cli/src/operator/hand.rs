//! The recovery shards at hand: from files, standard input or a person, decrypted in memory where
//! they are age files.

use std::{io::Read, path::PathBuf};

use age::{DecryptError, Decryptor, Identity, IdentityFile, armor::ArmoredReader};
use spike_core::wire::v2::operator::RecoveryShard as Wire;
use zeroize::Zeroizing;

use super::shard::{NotAShard, RecoveryShard};
use crate::{error::CliError, input, prompt};

/// Where the shards are.
#[derive(Debug, clap::Args)]
pub(crate) struct AtHand {
    /// Files with one shard each, in plain or encrypted with age.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with age identities (secret keys) that open encrypted shards; may be repeated.
    #[arg(short, long, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

/// What every age file begins with.
const AGE: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// The longest text of a shard, `spike:255:` and 64 digits, with some room for white space.
const MOST_PLAIN: usize = 4096;

impl AtHand {
    /// In these files, which these identities open.
    pub(super) const fn new(files: Vec<PathBuf>, identity: Vec<PathBuf>) -> Self {
        Self { files, identity }
    }

    /// Reads, decrypts and parses all of them. Plaintext stays in memory.
    pub(crate) fn read(&self) -> Result<Vec<RecoveryShard>, CliError> {
        let keys = Keys::read(&self.identity)?;
        let found = match self.files.is_empty() {
            false => self.files.iter().map(|path| one_of(path, &keys)).collect(),
            true if prompt::is_possible() => typed(),
            true => lines(&plain(input::stdin()?, STDIN, &keys)?),
        }?;
        different(found)
    }
}

const STDIN: &str = "standard input";

/// A shard, and where it was found.
struct Found {
    place: String,
    shard: RecoveryShard,
}

/// All of them, as one call takes them.
pub(crate) fn wire(shards: Vec<RecoveryShard>) -> Vec<Wire> {
    let wire = |shard: RecoveryShard| Wire {
        index: shard.index,
        shard: shard.bytes.as_array().to_vec().into(),
    };
    shards.into_iter().map(wire).collect()
}

/// Whoever gives one twice believes to have more than there are.
fn different(found: Vec<Found>) -> Result<Vec<RecoveryShard>, CliError> {
    for (nth, one) in found.iter().enumerate() {
        if let Some(same) = found.iter().skip(nth + 1).find(|f| f.shard.index == one.shard.index) {
            let (index, first, second) = (one.shard.index, &one.place, &same.place);
            return Err(CliError::usage(
                format!("shard {index} is given twice: {first} and {second}"),
                "Give different shards, at least as many as the threshold.",
            ));
        }
    }
    if found.is_empty() {
        return Err(CliError::usage(
            "no recovery shard given",
            "Give it the files that `spike operator recover` wrote, or their text.",
        ));
    }
    Ok(found.into_iter().map(|found| found.shard).collect())
}

fn one_of(path: &std::path::Path, keys: &Keys) -> Result<Found, CliError> {
    let place = path.display().to_string();
    of_text(&plain(input::file(path)?, &place, keys)?, place)
}

fn of_text(text: &[u8], place: String) -> Result<Found, CliError> {
    let text = std::str::from_utf8(text).map_err(|_| refused(NotAShard::Form, &place))?;
    let shard = RecoveryShard::parse(text).map_err(|why| refused(why, &place))?;
    Ok(Found { place, shard })
}

fn lines(text: &[u8]) -> Result<Vec<Found>, CliError> {
    let lines = text.split(|byte| *byte == b'\n').zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    lines.map(|(line, number)| of_text(line, format!("line {number} of {STDIN}"))).collect()
}

/// Asks until an empty answer.
fn typed() -> Result<Vec<Found>, CliError> {
    let mut found = Vec::new();
    loop {
        let place = format!("recovery shard {}", found.len() + 1);
        let question = format!("Enter {place} (empty to end): ");
        let answer: Zeroizing<String> = prompt::hidden(&question, "files")?;
        if answer.trim().is_empty() {
            return Ok(found);
        }
        found.push(of_text(answer.as_bytes(), place)?);
    }
}

fn refused(why: NotAShard, place: &str) -> CliError {
    CliError::usage(format!("{place}: {why}"), "Give it what `spike operator recover` wrote.")
}

/// How a custodian goes on whose key only age itself can use.
const BY_AGE: &str = "pipe `age -d -i IDENTITY SHARD.age` into `spike operator drill --each`, or \
                      into `spike operator restore --one-by-one`";

/// The secret keys at hand.
struct Keys(Vec<Box<dyn Identity + Send + Sync>>);

impl Keys {
    fn read(files: &[PathBuf]) -> Result<Self, CliError> {
        let mut keys = Vec::new();
        for path in files {
            let name = path.display();
            let text = input::file(path)?;
            if is_age(&text) {
                return Err(CliError::usage(
                    format!("the identity in {name} is itself encrypted"),
                    format!("Let age ask for its passphrase: {BY_AGE}."),
                ));
            }
            // age names the line at most.
            let read = IdentityFile::from_buffer(&**text).map_err(|why| why.to_string());
            let read = read.and_then(|file| file.into_identities().map_err(|why| why.to_string()));
            keys.extend(read.map_err(|why| {
                CliError::usage(
                    format!("{name} holds no age identities: {why}"),
                    format!(
                        "Give it a file that `age-keygen` made. For a key that needs a plugin: \
                         {BY_AGE}."
                    ),
                )
            })?);
        }
        Ok(Self(keys))
    }
}

fn is_age(bytes: &[u8]) -> bool {
    AGE.iter().any(|start| bytes.trim_ascii_start().starts_with(start))
}

/// The bytes themselves, or what the age file that they are holds.
fn plain(
    bytes: Zeroizing<Vec<u8>>,
    name: &str,
    Keys(keys): &Keys,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    if !is_age(&bytes) {
        return Ok(bytes);
    }
    if keys.is_empty() {
        return Err(CliError::usage(
            format!("{name} is encrypted to its custodian"),
            "Give the custodian's secret key with --identity FILE.",
        ));
    }
    decrypted(&bytes, keys).map_err(|why| {
        let what = format!("cannot decrypt {name}: {why}");
        CliError::other(what, "Give the identity of the custodian whom this shard is for.")
    })
}

fn decrypted(
    bytes: &[u8],
    keys: &[Box<dyn Identity + Send + Sync>],
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes.trim_ascii_start()))?;
    let keys = keys.iter().map(|key| &**key as &dyn Identity);
    // Never grown, so that no copy is left behind: what is longer is no shard.
    let mut text = Zeroizing::new(Vec::with_capacity(MOST_PLAIN));
    let limit = u64::try_from(MOST_PLAIN).unwrap_or(u64::MAX);
    decryptor.decrypt(keys)?.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
