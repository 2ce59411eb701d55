//! A struct for each method's parameters, a trait with a function for each method, and the way from an NSID to it.

use std::collections::BTreeMap;

use aviary_manifest::Manifest;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value};

use crate::names;

pub(crate) fn make(m: &Manifest) -> TokenStream {
    if m.methods.is_empty() {
        return TokenStream::new();
    }
    let methods = plan(m);
    let structs = methods.iter().filter_map(Planned::params_struct);
    let functions = methods.iter().map(Planned::signature);
    let arms = methods.iter().map(Planned::arm);
    quote! {
        /// A struct for each method's parameters, as its lexicon has them.
        pub mod params {
            #(#structs)*
        }

        /// A function for each method of the manifest: implement it on `Plugin`.
        pub trait Methods {
            #(#functions)*
        }

        impl ::aviary_plugin::made::Handler for Plugin {
            fn answer(request: &::aviary_plugin::Request) -> ::aviary_plugin::Answer {
                match request.method() {
                    #(#arms)*
                    other => Err(::aviary_plugin::XrpcError::not_implemented(other)),
                }
            }
        }
    }
}

/// One method with its names in Rust.
struct Planned<'m> {
    nsid: &'m str,
    function: Ident,
    /// In the author's `params`.
    ty: Ident,
    /// The lexicon's main definition.
    main: &'m Value,
}

/// The last segment names the function; where two methods share it, the whole NSID does.
fn plan(m: &Manifest) -> Vec<Planned<'_>> {
    let last = |nsid: &str| names::snake(nsid.rsplit('.').next().unwrap_or(nsid));
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for nsid in m.methods.keys() {
        *uses.entry(last(nsid)).or_default() += 1;
    }
    m.methods
        .keys()
        .map(|nsid| {
            let short = last(nsid);
            let name = if uses.get(&short) == Some(&1) {
                short
            } else {
                names::snake(nsid)
            };
            Planned {
                nsid,
                function: names::value(&name),
                ty: names::ty(&name),
                main: m
                    .lexicon(nsid)
                    .and_then(|d| d.pointer("/defs/main"))
                    .unwrap_or(&Value::Null),
            }
        })
        .collect()
}

impl Planned<'_> {
    fn properties(&self) -> Option<&Map<String, Value>> {
        self.main
            .pointer("/parameters/properties")
            .and_then(Value::as_object)
            .filter(|p| !p.is_empty())
    }

    fn is_required(&self, name: &str) -> bool {
        self.main
            .pointer("/parameters/required")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|v| v.as_str() == Some(name)))
    }

    fn params_struct(&self) -> Option<TokenStream> {
        let properties = self.properties()?;
        let ty = &self.ty;
        let doc = format!("Parameters of `{}`.", self.nsid);
        let fields = properties.iter().map(|(name, p)| self.field(name, p));
        Some(quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, PartialEq, ::aviary_plugin::serde::Deserialize)]
            #[serde(crate = "::aviary_plugin::serde")]
            pub struct #ty {
                #(#fields)*
            }
        })
    }

    fn field(&self, name: &str, property: &Value) -> TokenStream {
        let ident = names::value(&names::snake(name));
        let doc = property
            .get("description")
            .and_then(Value::as_str)
            .map_or_else(|| format!("`{name}`"), str::to_owned);
        // The host fills a default in, so the value is always there.
        let always = self.is_required(name) || property.get("default").is_some();
        let is_list = property.get("type").and_then(Value::as_str) == Some("array");
        let ty = param_type(property);
        let (ty, absent) = match (always, is_list) {
            (true, _) => (ty, quote!()),
            (false, true) => (ty, quote!(, default)),
            (false, false) => (quote!(::std::option::Option<#ty>), quote!(, default)),
        };
        quote! {
            #[doc = #doc]
            #[serde(rename = #name #absent)]
            pub #ident: #ty,
        }
    }

    fn signature(&self) -> TokenStream {
        let function = &self.function;
        let kind = self.main.get("type").and_then(Value::as_str).unwrap_or("");
        let about = self
            .main
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or("");
        let doc = format!("`{}` ({kind}). {about}", self.nsid);
        let params = self.properties().map(|_| {
            let ty = &self.ty;
            quote!(, params: params::#ty)
        });
        quote! {
            #[doc = #doc]
            ///
            /// # Errors
            /// As XRPC has them.
            fn #function(request: &::aviary_plugin::Request #params) -> ::aviary_plugin::Answer;
        }
    }

    fn arm(&self) -> TokenStream {
        let (nsid, function) = (self.nsid, &self.function);
        let params = self.properties().map(|_| quote!(, request.params()?));
        quote! { #nsid => <Plugin as Methods>::#function(request #params), }
    }
}

/// Parameters are booleans, integers, strings, and lists of them.
fn param_type(property: &Value) -> TokenStream {
    match property.get("type").and_then(Value::as_str) {
        Some("boolean") => quote!(bool),
        Some("integer") => quote!(i64),
        Some("string") => quote!(::std::string::String),
        Some("array") => {
            let item = param_type(property.get("items").unwrap_or(&Value::Null));
            quote!(::std::vec::Vec<#item>)
        }
        _ => quote!(::aviary_plugin::serde_json::Value),
    }
}
