//! The macros of `aviary-plugin`: Rust out of the author's `plugin.toml`.
//!
//! Guarantees: what they make agrees with the manifest that they embed, and a manifest that a host would refuse is an
//! error at build time, with its place. Use them through `aviary-plugin`.

mod exports;
mod methods;
mod names;
mod reads;
mod section;
mod source;
mod tables;

use proc_macro2::TokenStream;
use quote::quote;

/// Makes everything that `plugin.toml` beside `Cargo.toml` declares: see the crate `aviary-plugin`.
#[proc_macro]
pub fn plugin(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(input, |source| {
        let m = &source.manifest;
        let parts = [
            section::make(source)?,
            tables::make(m),
            reads::make(m),
            methods::make(m),
            exports::make(m),
        ];
        Ok(quote! {
            /// The plugin: implement `Indexer` and `Methods` on it, as the manifest has them.
            #[derive(Clone, Copy, Debug)]
            pub struct Plugin;

            #(#parts)*
        })
    })
}

/// Embeds the manifest and nothing else, for a plugin that is written against the raw interface.
#[proc_macro]
pub fn embed_manifest(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(input, section::make)
}

fn expand(
    input: proc_macro::TokenStream,
    make: impl FnOnce(&source::Source) -> Result<TokenStream, String>,
) -> proc_macro::TokenStream {
    let made = if input.is_empty() {
        source::read().and_then(|source| make(&source))
    } else {
        Err("expected no arguments: everything is in plugin.toml".into())
    };
    made.unwrap_or_else(|message| quote! { compile_error!(#message); })
        .into()
}
