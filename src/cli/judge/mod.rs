//! `homeward judge`: the engine without a service. One case a line in, one line out for each; a line that is no case is answered too.

mod arrival;
mod calendar;
mod case;
mod verdict;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use self::case::Case;
use self::verdict::{Refused, Verdict};
use crate::wire::problem::Problem;

/// Judges the cases of a file, or of standard input where there is no path or it is `-`, to standard output.
pub fn run(path: Option<&Path>) -> io::Result<()> {
    let output = io::BufWriter::new(io::stdout().lock());
    match path.filter(|path| *path != Path::new("-")) {
        None => judge_lines(io::stdin().lock(), output),
        Some(path) => {
            let named =
                |fault: io::Error| io::Error::new(fault.kind(), format!("{}: {fault}", path.display()));
            judge_lines(BufReader::new(File::open(path).map_err(named)?), output)
        }
    }
}

/// Answers each line that is not blank with one line, in the same order. Fails only where reading or writing does.
pub fn judge_lines(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let case = line.trim_ascii();
        if !case.is_empty() {
            output.write_all(&answer(case)?)?;
            output.write_all(b"\n")?;
            // A caller at the other end of a pipe waits for this answer before it asks again.
            output.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn answer(line: &[u8]) -> io::Result<Vec<u8>> {
    let judged = std::str::from_utf8(line)
        .map_err(|_| vec![Problem::new("", "not_json", "is not UTF-8")])
        .and_then(Case::read)
        .map(Verdict::of);
    Ok(match judged {
        Ok(verdict) => serde_json::to_vec(&verdict)?,
        Err(problems) => serde_json::to_vec(&Refused { problems })?,
    })
}
