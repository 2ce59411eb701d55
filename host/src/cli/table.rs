//! Two columns for people's eyes.

/// Lines of a name and a value, values aligned.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<(String, String)>);

impl Table {
    /// Adds a line.
    pub(super) fn line(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a line for each value, the name on the first; `none` when there are no values.
    pub(super) fn lines(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        let before = self.0.len();
        for value in values {
            let name = if self.0.len() == before { name } else { "" };
            self.line(name, value);
        }
        if self.0.len() == before {
            self.line(name, "none");
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or_default();
        for (name, value) in &self.0 {
            writeln!(f, "{name:<width$}  {value}")?;
        }
        Ok(())
    }
}

/// A whole number with commas: 1,234,567.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column() {
        let mut table = Table::default();
        table.line("a", "1");
        table.lines("name", ["x".to_owned(), "y".to_owned()]);
        table.lines("b", []);
        assert_eq!(table.to_string(), "a     1\nname  x\n      y\nb     none\n");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
