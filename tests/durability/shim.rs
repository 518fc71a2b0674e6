//! A library that replaces the server's file functions (`shim.c`): makes them fail, and records
//! what has been synced to the disk.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Site;

/// Prepares a site so that its server runs with the shim. `None`, and a message, if there is no C
/// compiler.
fn install(site: &mut Site) -> Option<()> {
    let library = site.beside("shim.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durability/shim.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        println!("SKIP disks that fail: there is no C compiler");
        return None;
    }
    let data = fs::canonicalize(&site.data).expect("it is there");
    site.variables.extend([("LD_PRELOAD", library), ("NEARHIT_SHIM_FOLDER", data)]);
    Some(())
}

/// Removes, when the server is killed, data that it had not synced: as when the machine loses its
/// power.
pub(crate) struct PowerCut {
    journal: PathBuf,
    data: PathBuf,
    /// The synced length of each file, by inode: a name may have changed just before the kill.
    lengths: HashMap<u64, u64>,
}

impl PowerCut {
    pub(crate) fn new(site: &mut Site) -> Option<Self> {
        install(site)?;
        let journal = site.beside("journal");
        site.variables.push(("NEARHIT_SHIM_JOURNAL", journal.clone()));
        let data = fs::canonicalize(&site.data).expect("it is there");
        Some(Self { journal, data, lengths: HashMap::new() })
    }

    /// All data that exist before the server starts count as synced.
    pub(crate) fn begin(&mut self) {
        let _ = fs::remove_file(&self.journal);
        self.lengths.clear();
        each_file(&self.data, &mut |_, status| {
            self.lengths.insert(status.ino(), status.len());
        });
    }

    /// Truncates each file to its synced length; one that was never synced becomes empty.
    pub(crate) fn drop_unsynced(&mut self) {
        self.replay();
        let lengths = &self.lengths;
        each_file(&self.data, &mut |path, status| {
            let synced = lengths.get(&status.ino()).copied().unwrap_or(0);
            if synced < status.len() {
                let file = File::options().write(true).open(path).expect("it is ours");
                file.set_len(synced).expect("it can be truncated");
            }
        });
    }

    /// Reads the journal of the shim. The last line may be incomplete.
    fn replay(&mut self) {
        let text = fs::read_to_string(&self.journal).unwrap_or_default();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let (inode, length) = line.split_once(' ').expect("a line of the shim");
            let number = |text: &str| text.parse().expect("a number");
            self.lengths.insert(number(inode), number(length));
        }
    }
}

fn each_file(folder: &Path, visit: &mut impl FnMut(&Path, &Metadata)) {
    for entry in fs::read_dir(folder).expect("it is ours") {
        let path = entry.expect("it is ours").path();
        let status = fs::metadata(&path).expect("it is ours");
        if status.is_dir() { each_file(&path, visit) } else { visit(&path, &status) }
    }
}

/// Makes the calls of a server fail while a control file exists.
pub(crate) struct FailingDisk {
    control: PathBuf,
}

impl FailingDisk {
    pub(crate) fn new(site: &mut Site) -> Option<Self> {
        install(site)?;
        let control = site.beside("fault");
        site.variables.push(("NEARHIT_SHIM_FAULT", control.clone()));
        Some(Self { control })
    }

    /// Makes calls fail from now on; `shim.c` describes `how`.
    pub(crate) fn fail(&self, how: &str) {
        // Renamed, so that the server never reads half of it.
        let draft = self.control.with_extension("draft");
        fs::write(&draft, how).and_then(|()| fs::rename(&draft, &self.control)).expect("it is ours");
    }

    pub(crate) fn mend(&self) {
        fs::remove_file(&self.control).expect("it had failed");
    }
}
