//! `mmapcheck doctor`.

use super::{Sources, Stop, config};
use crate::case::Need;
use crate::case::fault::FAULTS;
use crate::case::need::NEEDS;
use crate::cli::Doctor;
use crate::report;
use crate::snapshot::Record;
use std::io::Write;

/// Tells what this machine is, and what it can and can't do.
pub fn doctor(args: &Doctor) -> Result<u8, Stop> {
    let config = config(&args.place)?;
    let needs: Vec<Need> = NEEDS
        .iter()
        .chain(FAULTS)
        .map(|(name, _)| Need {
            name,
            at_least: None,
        })
        .collect();
    let (platform, unmet) = config.ask(&needs).map_err(Stop::Failed)?;
    let mut out = report::out();
    let scale = &platform.scale;
    let size = |n: u64| crate::case::Quantity::bytes(n.into()).to_string();
    writeln!(out, "machine")?;
    for (what, value) in [
        ("system", format!("{} {}", platform.os, platform.kernel)),
        (
            "architecture",
            format!("{}, {} bits", platform.arch, scale.bits),
        ),
        ("page", size(scale.page)),
        ("huge page", size(scale.huge)),
        ("memory", format!("{} MiB", scale.ram >> 20)),
        (
            "address space",
            format!("{:#x} to {:#x}", scale.min_addr, scale.top),
        ),
        ("scratch folder", config.start.dir.display().to_string()),
        ("file system", platform.fs.clone()),
        ("C library", platform.libc.clone()),
        (
            "calls go to",
            match platform.door.as_str() {
                "raw" => "the kernel".to_owned(),
                other => other.to_owned(),
            },
        ),
        ("sandbox", platform.sandbox.clone()),
        ("emulator", platform.emulator.clone()),
        ("cases run as", platform.rights.clone()),
    ] {
        writeln!(out, "  {what:16}{value}")?;
    }
    for (head, list) in [("needs", NEEDS), ("faults", FAULTS)] {
        writeln!(out, "{head}")?;
        for (name, meaning) in list {
            match unmet.iter().find(|(n, _)| n.name == *name) {
                None => writeln!(out, "  yes  {name:22}{meaning}")?,
                Some((_, why)) => writeln!(out, "  no   {name:22}{why}")?,
            }
        }
    }
    records(args, &platform, &mut out)?;
    Ok(0)
}

fn records(
    args: &Doctor,
    platform: &crate::platform::Platform,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let sources = Sources::find(&args.tables)?;
    let record = Record::load(sources.snapshots.as_ref(), platform, None)?;
    writeln!(out, "records")?;
    writeln!(out, "  tables from     {}", sources.told)?;
    writeln!(out, "  this machine's  {}", record.home())?;
    if record.facets().is_empty() {
        writeln!(out, "  it is the reference")?;
    }
    for facet in record.facets() {
        let kept = match crate::snapshot::folders(sources.snapshots.as_ref()) {
            Ok(folders) => folders
                .iter()
                .any(|f| facet.is_met_by(f, record.reference())),
            Err(_) => false,
        };
        let told = if kept {
            "recorded"
        } else {
            "not recorded: differences are only told"
        };
        writeln!(out, "  differs in      {facet}: {told}")?;
    }
    Ok(())
}
