//! From the manifest's names to Rust's.

use proc_macro2::{Ident, Span};
use quote::format_ident;

const KEYWORDS: [&str; 46] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where",
];

/// A field or a function. The host's columns lose their underscore where no other name takes it.
pub(crate) fn value(name: &str) -> Ident {
    if KEYWORDS.contains(&name) || ["while", "yield"].contains(&name) {
        Ident::new_raw(name, Span::call_site())
    } else if ["self", "super", "crate"].contains(&name) {
        format_ident!("{name}_")
    } else {
        Ident::new(name, Span::call_site())
    }
}

/// A type: `by_status` becomes `ByStatus`.
pub(crate) fn ty(name: &str) -> Ident {
    let mut out = String::with_capacity(name.len());
    for word in name.split('_') {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    if out == "Self" {
        out.push('_');
    }
    Ident::new(&out, Span::call_site())
}

/// `getPosts` or `com.example.getPosts` becomes `get_posts`, `com_example_get_posts`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before_was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && before_was_lower {
            out.push('_');
        }
        before_was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else {
            out.push('_');
        }
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_rust() {
        assert_eq!(value("type").to_string(), "r#type");
        assert_eq!(value("self").to_string(), "self_");
        assert_eq!(value("created_at").to_string(), "created_at");
        assert_eq!(ty("by_status_2").to_string(), "ByStatus2");
        assert_eq!(ty("self").to_string(), "Self_");
        assert_eq!(snake("getPosts"), "get_posts");
        assert_eq!(snake("com.example-x.getURLs2"), "com_example_x_get_urls2");
    }
}
