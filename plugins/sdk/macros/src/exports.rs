//! The component's exports: of the kinds that the manifest has, so that the two cannot differ.

use aviary_manifest::Manifest;
use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn make(m: &Manifest) -> TokenStream {
    let indexer = (!m.collections.is_empty()).then(indexer);
    let methods = (!m.methods.is_empty()).then(methods);
    quote! {
        #indexer
        #methods
    }
}

fn indexer() -> TokenStream {
    quote! {
        const _: () = {
            use ::aviary_plugin::wit::indexer::exports::aviary::plugin::indexer::{Batch, Guest, Outcome};

            struct Export;

            impl Guest for Export {
                fn index(input: Batch) -> ::std::vec::Vec<Outcome> {
                    ::aviary_plugin::made::index_batch::<Plugin>(&input)
                }
            }

            #[cfg(target_family = "wasm")]
            ::aviary_plugin::made::export_indexer!(Export with_types_in ::aviary_plugin::wit::indexer);
        };
    }
}

fn methods() -> TokenStream {
    quote! {
        const _: () = {
            use ::aviary_plugin::wit::methods::exports::aviary::plugin::methods::{
                Guest, XrpcError, XrpcRequest, XrpcResponse,
            };

            struct Export;

            impl Guest for Export {
                fn handle(request: XrpcRequest) -> ::std::result::Result<XrpcResponse, XrpcError> {
                    ::aviary_plugin::made::handle::<Plugin>(request)
                }
            }

            #[cfg(target_family = "wasm")]
            ::aviary_plugin::made::export_methods!(Export with_types_in ::aviary_plugin::wit::methods);
        };
    }
}
