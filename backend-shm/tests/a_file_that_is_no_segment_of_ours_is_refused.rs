//! Files and folders that are not what they should be: an error says what is wrong, and the file stays as
//! it was.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use damage::shop;
use folder::Folder;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::BackendErrorKind::{self, Corrupt, Denied, Unavailable, Unsupported};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::path::Path;

/// A user who is nobody here.
const SOMEBODY_ELSE: u32 = 54_321;

/// A segment in a folder of its own, made by a process that has ended.
fn segment() -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let path = folder.file("segment");
    let work = || {
        Shm::open_with(&path, shop::small()).expect("a new segment");
        shop::work(&path).expect("a whole segment");
        String::new()
    };
    child::Child::start(work).done();
    (folder, path)
}

#[track_caller]
fn is_refused(path: &Path, kind: BackendErrorKind, why: &str) {
    let error = Shm::open(path).expect_err("refused");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(why), "{error}");
}

#[track_caller]
fn is_refused_to_readers(path: &Path, kind: BackendErrorKind, why: &str) {
    let error = Reader::open(path).expect_err("refused");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(why), "{error}");
}

#[track_caller]
fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its owner");
}

/// Whether this process may give files away.
fn is_root() -> bool {
    // SAFETY: asks for a number.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        println!("skipped: only root can give files away");
    }
    root
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let (folder, path) = segment();
    let link = folder.file("link");
    symlink(&path, &link).expect("a link");
    is_refused(&link, Denied, "symbolic link");
    is_refused_to_readers(&link, Denied, "symbolic link");
    // To nothing as well: what is there is not ours to make.
    let dangling = folder.file("dangling");
    symlink(folder.file("nothing"), &dangling).expect("a link");
    is_refused(&dangling, Denied, "symbolic link");
    assert!(!folder.file("nothing").exists());
}

#[test]
fn a_file_with_two_names_is_refused() {
    let (folder, path) = segment();
    let other = folder.file("other");
    std::fs::hard_link(&path, &other).expect("a link");
    is_refused(&path, Denied, "hard links");
    is_refused(&other, Denied, "hard links");
    std::fs::remove_file(other).expect("the link");
    shop::read(&path).expect("whoever reads it does it no harm");
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let folder = Folder::new();
    let pipe = folder.file("pipe");
    let name = CString::new(pipe.as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: a string that ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let inner = folder.file("folder");
    std::fs::create_dir(&inner).expect("a folder");
    for (path, why) in [
        (&*pipe, "not a regular file"),
        (&inner, "folder"),
        (Path::new("/dev/null"), "not a regular file"),
    ] {
        is_refused(path, Unsupported, why);
        is_refused_to_readers(path, Unsupported, "not a regular file");
    }
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    if !is_root() {
        return;
    }
    let (folder, path) = segment();
    chown(&path, Some(SOMEBODY_ELSE), None).expect("root");
    is_refused(&path, Denied, "another user");
    shop::read(&path).expect("to read it, permission is enough");
    // Even one that shares it, if only to read.
    chown(&path, None, Some(SOMEBODY_ELSE)).expect("root");
    allow(&path, 0o640);
    let mut config = shop::small();
    config.group = Some(SOMEBODY_ELSE.to_string());
    let error = Shm::open_with(&path, config.clone()).expect_err("the group may only read");
    assert_eq!(error.kind, Denied, "{error}");
    allow(&path, 0o660);
    Shm::open_with(&path, config).expect("a file that is shared");
    drop(folder);
}

#[test]
fn a_file_that_everybody_may_write_is_refused() {
    let (_folder, path) = segment();
    for mode in [0o602, 0o666] {
        allow(&path, mode);
        is_refused(&path, Denied, "chmod o-w");
    }
    allow(&path, 0o644);
    Shm::open(&path).expect("others may read it");
}

#[test]
fn a_folder_in_which_others_may_replace_the_file_is_refused() {
    let (folder, path) = segment();
    for mode in [0o777, 0o702, 0o770] {
        allow(folder.path(), mode);
        is_refused(&path, Denied, "chmod go-w");
        is_refused(&folder.file("new"), Denied, "chmod go-w");
    }
    assert!(!folder.file("new").exists());
    // Who may write there may not rename what is another's.
    allow(folder.path(), 0o1777);
    Shm::open(&path).expect("the sticky bit is set");
    allow(folder.path(), 0o700);
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    if !is_root() {
        return;
    }
    let (folder, path) = segment();
    chown(folder.path(), Some(SOMEBODY_ELSE), None).expect("root");
    is_refused(&path, Denied, "belongs to another user");
    chown(folder.path(), Some(0), None).expect("root");
}

#[test]
fn where_there_is_nothing_there_is_nothing_to_read() {
    let folder = Folder::new();
    is_refused_to_readers(&folder.file("nothing"), Unavailable, "cannot open it");
    assert!(!folder.file("nothing").exists());
    is_refused(&folder.file("no/folder"), Unavailable, "the folder");
}

#[test]
fn a_segment_of_another_machine_or_program_is_refused_with_the_reason() {
    const WORDS: usize = 18;
    let (_folder, path) = segment();
    let whole = std::fs::read(&path).expect("the segment");
    let words: Vec<u64> =
        whole[..8 * WORDS].as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let changed = |change: &dyn Fn(&mut [u64])| {
        let mut words = words.clone();
        change(&mut words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the segment");
        file.write_all_at(&bytes, 0).expect("its header");
    };
    let seal = |words: &mut [u64]| words[WORDS - 1] = checksum(&words[..WORDS - 1]);

    changed(&|words| words.iter_mut().for_each(|word| *word = word.swap_bytes()));
    is_refused(&path, Unsupported, "order of bytes");
    is_refused_to_readers(&path, Unsupported, "order of bytes");
    for (word, why) in [(2, "another version"), (3, "another version"), (4, "another size")] {
        changed(&|words| {
            words[word] += 1;
            seal(words);
        });
        is_refused(&path, Unsupported, why);
        is_refused_to_readers(&path, Unsupported, why);
    }
    changed(&|words| words[5] += 1);
    is_refused(&path, Corrupt, "checksum");
    is_refused_to_readers(&path, Corrupt, "checksum");
    // Sizes that the file does not have, though the checksum fits.
    for word in 6..12 {
        for number in [0, 1, 1 << 20, 1 << 32, 1 << 40, u64::MAX] {
            changed(&|words| {
                words[word] = number;
                seal(words);
            });
            assert!(Shm::open(&path).is_err(), "word {word} is {number}");
            assert!(Reader::open(&path).is_err(), "word {word} is {number}");
        }
    }
    changed(&|_| {});
    assert_eq!(std::fs::read(&path).expect("the segment"), whole, "somebody wrote to it");
    Shm::open(&path).expect("it is whole again");
}

/// FNV-1a, 64 bits. <http://www.isthe.com/chongo/tech/comp/fnv/>
fn checksum(words: &[u64]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
