//! The manifest as a custom section of the component, readable without running anything.

use aviary_manifest::SECTION;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::source::Source;

/// A static in the section, and what makes cargo rebuild when a file changes.
pub(crate) fn make(source: &Source) -> Result<TokenStream, String> {
    let json = source.manifest.to_json().map_err(|e| e.to_string())?;
    let bytes = Literal::byte_string(json.as_bytes());
    let len = json.len();
    let files = source.files.iter().map(|file| {
        let path = format!("/{file}");
        quote! { const _: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), #path)); }
    });
    Ok(quote! {
        #(#files)*

        #[cfg(target_family = "wasm")]
        const _: () = {
            #[used]
            #[unsafe(link_section = #SECTION)]
            static MANIFEST: [u8; #len] = *#bytes;
        };
    })
}
