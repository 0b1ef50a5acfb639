//! Hashes, read page by page, many of them at once.

use crate::connection::Connection;
use crate::layout::Keys;
use crate::scripts::{self, array, bytes};
use pytheus_core::BackendError;
use redis::Pipeline;
use std::collections::HashSet;

/// So many fields of a hash are read by one call.
const PAGE: usize = 200;
/// So many calls are sent at once.
const CALLS: usize = 500;

/// Fields and their values, each once.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What a hash holds.
pub(crate) fn read(
    connection: &mut Connection,
    keys: &Keys,
    name: &str,
) -> Result<Fields, BackendError> {
    Ok(read_all(connection, keys, &[name])?.pop().unwrap_or_default())
}

/// What hashes hold, in their order. Takes as many round trips as the largest of them has pages, for each
/// [`CALLS`] of them.
pub(crate) fn read_all(
    connection: &mut Connection,
    keys: &Keys,
    names: &[impl AsRef<str>],
) -> Result<Vec<Fields>, BackendError> {
    let mut all: Vec<Fields> = names.iter().map(|_| Fields::new()).collect();
    for (names, all) in names.chunks(CALLS).zip(all.chunks_mut(CALLS)) {
        read_some(connection, keys, names, all)?;
    }
    Ok(all)
}

fn read_some(
    connection: &mut Connection,
    keys: &Keys,
    names: &[impl AsRef<str>],
    all: &mut [Fields],
) -> Result<(), BackendError> {
    let mut seen: Vec<HashSet<Vec<u8>>> = names.iter().map(|_| HashSet::new()).collect();
    let mut open: Vec<(usize, Vec<u8>)> = (0..names.len()).map(|at| (at, b"0".to_vec())).collect();
    while !open.is_empty() {
        let mut pipeline = Pipeline::with_capacity(open.len());
        for (at, cursor) in &open {
            pipeline.cmd("HSCAN").arg(names[*at].as_ref()).arg(cursor).arg("COUNT").arg(PAGE);
        }
        let replies = scripts::plain(connection, keys, &pipeline)?;
        let mut next = Vec::new();
        for ((at, _), reply) in open.into_iter().zip(&replies) {
            let reply = array(Some(reply))?;
            let cursor = bytes(reply.first())?;
            let is_small = cursor == b"0" && all[at].is_empty();
            for pair in array(reply.get(1))?.chunks_exact(2) {
                let field = bytes(pair.first())?;
                // Only a hash of several pages may name a field twice.
                if is_small || seen[at].insert(field.to_vec()) {
                    all[at].push((field.to_vec(), bytes(pair.get(1))?.to_vec()));
                }
            }
            if cursor != b"0" {
                next.push((at, cursor.to_vec()));
            }
        }
        open = next;
    }
    Ok(())
}
