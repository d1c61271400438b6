//! `infra/learn.yaml`, which is a part of this program.

/// What CloudFormation gets.
pub(crate) const TEMPLATE: &str = include_str!("../../../../infra/learn.yaml");

/// The code of the observing function: the block after `ZipFile: |`, without its indentation.
pub(crate) fn observer() -> String {
    let mut lines = TEMPLATE.lines().skip_while(|line| line.trim() != "ZipFile: |").skip(1).peekable();
    let indentation = lines.peek().map_or(0, |line| line.len() - line.trim_start().len());
    let block = lines.map_while(|line| {
        let is_of_block = line.trim().is_empty() || line.len() - line.trim_start().len() >= indentation;
        is_of_block.then(|| line.get(indentation..).unwrap_or_default())
    });
    let block: Vec<_> = block.collect();
    block.join("\n").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CloudFormation's limits for a template in a call, and for code in a template.
    #[test]
    fn the_template_and_its_code_fit() {
        assert!(TEMPLATE.len() <= 51_200);
        let observer = observer();
        assert!(observer.len() <= 4_096, "{}", observer.len());
        assert!(observer.starts_with("// What is kept of an event"), "{observer}");
        assert!(observer.ends_with("authorize(event) : answer(event));\n"), "{observer}");
    }
}
