//! Checks whether Lambda can run a program: from the bytes of the program to its first problem.

use anyhow::{Context as _, Result, bail, ensure};
use object::{
    LittleEndian,
    elf::{self, FileHeader64},
    read::elf::{FileHeader as _, ProgramHeader as _, SectionTable, Sym as _},
};
use std::collections::BTreeSet;

/// The name in CloudFormation, in `Architectures` of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name in Rust.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    fn machine(self) -> elf::Machine {
        match self {
            Self::X86_64 => elf::EM_X86_64,
            Self::Arm64 => elf::EM_AARCH64,
        }
    }
}

pub(crate) struct Limits {
    /// The bytes of a program, stripped.
    program: usize,
    /// The bytes of the edge's zip.
    edge_zip: usize,
    /// The newest version of glibc's symbols.
    pub(crate) glibc: [u32; 2],
    /// The available libraries.
    libraries: &'static [&'static str],
}

/// A function loads its whole program before its first answer, and the edge's in every Region again, so the programs
/// must be small. The other values are those of Amazon Linux 2023, on which the runtimes `provided.al2023` and `nodejs`
/// from 20 on are based.
pub(crate) const LIMITS: Limits = Limits {
    program: 5_000_000,
    edge_zip: 2_000_000,
    glibc: [2, 34],
    libraries: &[
        "libc.so.6",
        "libm.so.6",
        "libgcc_s.so.1",
        "libpthread.so.0",
        "libdl.so.2",
        "librt.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    ],
};

impl Limits {
    pub(crate) fn check_edge_zip(&self, zip: &[u8]) -> Result<()> {
        ensure!(zip.len() <= self.edge_zip, "the zip has {} bytes, and may have at most {}", zip.len(), self.edge_zip);
        Ok(())
    }

    pub(crate) fn check_program(&self, program: &[u8], architecture: Architecture) -> Result<()> {
        let header = FileHeader64::<LittleEndian>::parse(program)
            .and_then(|header| header.endian().map(|_| header))
            .context("the program is not an ELF file of 64 bits, little-endian")?;
        let (machine, expected) = (header.e_machine(LittleEndian), architecture.machine());
        ensure!(
            machine == expected,
            "the program is for the machine {machine:?}, and must be for {}, {expected:?}",
            architecture.name()
        );
        self.check_links(program, header).context("the program cannot run in Lambda")?;
        ensure!(
            program.len() <= self.program,
            "the program has {} bytes, and may have at most {}",
            program.len(),
            self.program
        );
        Ok(())
    }

    /// Checks what the loader needs before it starts a program.
    fn check_links(&self, program: &[u8], header: &FileHeader64<LittleEndian>) -> Result<()> {
        let sections = header.sections(LittleEndian, program)?;
        let dynamic = sections.dynamic_table(LittleEndian, program)?;
        let mut linked = false;
        for segment in header.program_headers(LittleEndian, program)? {
            linked |= segment.p_type(LittleEndian) == elf::PT_DYNAMIC;
            if let Some(interpreter) = segment.interpreter(LittleEndian, program)? {
                let interpreter = String::from_utf8_lossy(interpreter);
                let name = interpreter.rsplit('/').next().unwrap_or_default();
                let known = name.starts_with("ld-linux-") && self.libraries.contains(&name);
                ensure!(known, "it needs the interpreter {interpreter}, which Lambda does not have");
            }
        }
        let needs = |tag| dynamic.iter().any(|entry| entry.tag == tag);
        let versioned = sections.gnu_verneed(LittleEndian, program)?.is_some();
        // The loader reads the segments. This code reads the sections, which may be stripped from a program.
        ensure!(
            linked != dynamic.is_empty() && needs(elf::DT_VERNEED) == versioned,
            "its sections do not say what it needs"
        );
        for entry in dynamic.iter().filter(|entry| entry.tag == elf::DT_NEEDED) {
            let library = String::from_utf8_lossy(dynamic.string(entry)?);
            ensure!(self.libraries.contains(&&*library), "it needs the library {library}, which Lambda does not have");
        }
        let newer = self.newer_symbols(program, &sections)?;
        let [major, minor] = self.glibc;
        ensure!(newer.is_empty(), "it needs symbols that are newer than glibc {major}.{minor}: {}", newer.join(", "));
        Ok(())
    }

    /// The versions of glibc's symbols that are too new, each with the symbols.
    fn newer_symbols(
        &self,
        program: &[u8],
        sections: &SectionTable<'_, FileHeader64<LittleEndian>>,
    ) -> Result<Vec<String>> {
        let Some((needs, strings)) = sections.gnu_verneed(LittleEndian, program)? else {
            return Ok(vec![]);
        };
        let strings = sections.strings(LittleEndian, program, strings)?;
        let symbols = sections.symbols(LittleEndian, program, elf::SHT_DYNSYM)?;
        let Some(versions) = sections.versions(LittleEndian, program)? else {
            bail!("its symbols have no versions");
        };
        let mut newer = Vec::new();
        for need in needs {
            for version in need?.1 {
                let version = version?;
                let name = String::from_utf8_lossy(version.name(LittleEndian, strings)?);
                if !name.strip_prefix("GLIBC_").is_some_and(|number| is_newer(number, self.glibc)) {
                    continue;
                }
                let index = version.vna_other.get(LittleEndian);
                let of_it =
                    symbols.enumerate().filter(|(at, _)| versions.version_index(LittleEndian, *at).index() == index);
                let names: BTreeSet<_> = of_it
                    .map(|(_, symbol)| Ok(String::from_utf8_lossy(symbol.name(LittleEndian, symbols.strings())?)))
                    .collect::<Result<_>>()?;
                let names: Vec<_> = names.iter().map(|name| name.as_ref()).collect();
                newer.push(format!("{name} ({})", names.join(" ")));
            }
        }
        Ok(newer)
    }
}

/// A version that is not a number, as in `GLIBC_ABI_DT_RELR` and `GLIBC_PRIVATE`, belongs to one glibc or to newer
/// ones.
fn is_newer(version: &str, limit: [u32; 2]) -> bool {
    let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    numbers.map_or(true, |numbers| numbers.as_slice() > limit.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Limits = Limits { program: usize::MAX, glibc: [2, 99], ..LIMITS };

    /// A program of this machine: the test itself.
    #[cfg(target_os = "linux")]
    fn this() -> (Vec<u8>, Architecture, Architecture) {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let both = [Architecture::X86_64, Architecture::Arm64];
        let [own, other] = if cfg!(target_arch = "x86_64") { both } else { [both[1], both[0]] };
        (program, own, other)
    }

    fn refusal(limits: &Limits, program: &[u8], architecture: Architecture) -> String {
        format!("{:#}", limits.check_program(program, architecture).unwrap_err())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_needs_what_lambda_does_not_have_is_refused() {
        let (program, own, other) = this();
        ANY.check_program(&program, own).unwrap();

        let machine = refusal(&ANY, &program, other);
        assert!(machine.starts_with("the program is for the machine") && machine.contains(other.name()), "{machine}");
        let large = refusal(&Limits { program: program.len() - 1, ..ANY }, &program, own);
        assert_eq!(
            large,
            format!("the program has {} bytes, and may have at most {}", program.len(), program.len() - 1)
        );
        let old = refusal(&Limits { glibc: [2, 2], ..ANY }, &program, own);
        assert!(
            old.starts_with(
                "the program cannot run in Lambda: it needs symbols that are newer than glibc 2.2: GLIBC_2."
            ),
            "{old}"
        );
        assert!(old.contains("__libc_start_main") && old.contains(" malloc "), "{old}");
        let bare =
            refusal(&Limits { libraries: &["ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"], ..ANY }, &program, own);
        assert!(bare.starts_with("the program cannot run in Lambda: it needs the library lib"), "{bare}");
        let none = refusal(&Limits { libraries: &[], ..ANY }, &program, own);
        assert!(none.starts_with("the program cannot run in Lambda: it needs the interpreter /lib"), "{none}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_cannot_be_read_to_its_end_is_refused() {
        let (program, own, _) = this();
        for part in 0..64 {
            let cut = &program[..program.len() * part / 64];
            assert!(ANY.check_program(cut, own).is_err(), "{} bytes", cut.len());
        }
        // The loader accepts a program without sections.
        let mut stripped = program;
        stripped[0x28..0x30].fill(0);
        stripped[0x3C..0x40].fill(0);
        assert_eq!(
            refusal(&ANY, &stripped, own),
            "the program cannot run in Lambda: its sections do not say what it needs"
        );
    }

    #[test]
    fn bytes_that_are_not_a_program_are_refused() {
        for text in ["", "#!/bin/sh\n", "\u{7f}ELF"] {
            let refused = refusal(&ANY, text.as_bytes(), Architecture::X86_64);
            assert!(refused.starts_with("the program is not an ELF file of 64 bits, little-endian: "), "{refused}");
        }
    }

    #[test]
    fn a_version_is_newer_by_its_numbers() {
        let newer = |version| is_newer(version, [2, 34]);
        for version in ["2.34", "2.2.5", "2.4", "1.99"] {
            assert!(!newer(version), "{version}");
        }
        for version in ["2.35", "2.100", "3.0", "PRIVATE", "ABI_DT_RELR", ""] {
            assert!(newer(version), "{version}");
        }
    }

    #[test]
    fn a_zip_for_the_edge_has_a_limit() {
        LIMITS.check_edge_zip(&[0; 2_000_000]).unwrap();
        let refused = LIMITS.check_edge_zip(&[0; 2_000_001]).unwrap_err();
        assert_eq!(refused.to_string(), "the zip has 2000001 bytes, and may have at most 2000000");
    }
}
