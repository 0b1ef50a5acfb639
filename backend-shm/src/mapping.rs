//! A mapped segment: its areas and the table of its processes, for writers and for readers.

use crate::file;
use crate::header::{Header, ROW_BYTES, area_offset, row_offset, total_bytes};
use memmap2::{MmapOptions, MmapRaw};
use pytheus_core::engine::{Area, PROCESS_BITS};
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What the table of processes says about one. A process writes its own row, and that of the child it is
/// about to fork.
#[repr(C)]
pub(crate) struct Row {
    /// How many processes had the number before, and have it.
    pub(crate) generation: AtomicU64,
    /// While a forked child has not settled: the owner that is its parent. Else 0.
    pub(crate) parent: AtomicU64,
    /// For people to read; in containers, two may be alike.
    pub(crate) pid: AtomicU32,
    /// How many bytes of the process' marks are committed.
    pub(crate) marks: AtomicU32,
    /// When the process began, in clock ticks since the system did.
    pub(crate) started: AtomicU64,
}

const _: () = assert!(size_of::<Row>() == ROW_BYTES);

/// A segment in the memory of this process, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
    pub(crate) header: Header,
}

impl Mapping {
    /// Maps all of a segment, to be written if the file may be.
    pub(crate) fn new(file: &File, header: Header, write: bool) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(total_bytes(&header.geometry));
        let map = if write { options.map_raw(file)? } else { options.map_raw_read_only(file)? };
        Ok(Self { map, header })
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.map.len());
        // SAFETY: offsets are those of the header's geometry, whose total is mapped.
        unsafe { NonNull::new_unchecked(self.map.as_mut_ptr().add(offset)) }
    }

    pub(crate) fn base(&self, area: Area) -> NonNull<u8> {
        self.at(area_offset(&self.header.geometry, area))
    }

    /// How many processes there can be.
    pub(crate) fn max_processes(&self) -> u16 {
        u16::try_from(self.header.geometry.max_processes).unwrap_or(u16::MAX - 1)
    }

    /// The row of a process; that of nobody for a number that none has.
    pub(crate) fn row(&self, process: u16) -> &Row {
        let process = if process <= self.max_processes() { process } else { 0 };
        // SAFETY: the table is behind the header, and committed as a whole; a row is aligned, and any
        // bytes are valid for its atomics.
        unsafe { self.at(row_offset(process)).cast().as_ref() }
    }

    /// Whether somebody has the lock of a process other than the file description of `descriptor`.
    /// Async-signal-safe.
    pub(crate) fn is_locked(&self, descriptor: RawFd, process: u16) -> bool {
        process != 0 && file::is_locked(descriptor, process.into(), 1)
    }

    /// Whether the process that has this number is the one of this generation, dead or alive.
    pub(crate) fn has_generation(&self, process: u16, generation: u64) -> bool {
        process != 0 && self.row(process).generation.load(Ordering::Acquire) == generation
    }
}

/// The owner that has this number in this generation.
pub(crate) fn owner(process: u16, generation: u64) -> u64 {
    generation << PROCESS_BITS | u64::from(process)
}

/// The generation after this one, among those that fit in an owner: or else, of a row that is damaged, the
/// process would seem dead to the others.
pub(crate) fn next_generation(generation: u64) -> u64 {
    generation.wrapping_add(1) & (u64::MAX >> PROCESS_BITS)
}

/// The number and the generation of an owner.
pub(crate) fn parts(owner: u64) -> (u16, u64) {
    (owner as u16, owner >> PROCESS_BITS)
}
