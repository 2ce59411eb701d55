//! A function and a result row for each named read.

use aviary_manifest::{Column, ColumnType, Manifest, ParamType, Read};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::{names, tables};

pub(crate) fn make(m: &Manifest) -> TokenStream {
    if m.reads.is_empty() {
        return TokenStream::new();
    }
    let reads = m.reads.iter().map(read);
    quote! {
        /// A function and a result row for each named read of the manifest.
        pub mod reads {
            #(#reads)*
        }
    }
}

fn read(read: &Read) -> TokenStream {
    let row = result_row(read);
    let (name, function, ty) = (&read.name, names::value(&read.name), names::ty(&read.name));
    let doc = format!("```sql\n{}\n```", read.sql.trim());
    let params: Vec<(Ident, TokenStream, TokenStream)> = read
        .params
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let ident = format_ident!("p{}", i + 1);
            let (ty, into) = param(*p, &ident);
            (ident, ty, into)
        })
        .collect();
    let args = params.iter().map(|(ident, ty, _)| quote!(#ident: #ty));
    let values = params.iter().map(|(_, _, into)| into);
    quote! {
        #row

        #[doc = #doc]
        ///
        /// # Errors
        /// When the host refuses or cannot answer.
        pub fn #function(#(#args),*) -> ::std::result::Result<::std::vec::Vec<#ty>, ::aviary_plugin::StoreError> {
            ::aviary_plugin::made::read(#name, &[#(#values),*])
        }
    }
}

fn result_row(read: &Read) -> TokenStream {
    let ty = names::ty(&read.name);
    let doc = format!(
        "A row of the read `{}`. Serializes as lexicons have it: camelCase, nulls left out.",
        read.name
    );
    let fields: Vec<Ident> = read.returns.iter().map(|c| field(read, c)).collect();
    let docs = read
        .returns
        .iter()
        .map(|c| format!("`{}`", String::from(c.clone())));
    let types = read.returns.iter().map(tables::rust_type);
    let nulls = read.returns.iter().map(|c| {
        c.nullable
            .then(|| quote!(#[serde(skip_serializing_if = "::std::option::Option::is_none")]))
    });
    let columns: Vec<&str> = read.returns.iter().map(|c| c.name.as_str()).collect();
    let count = columns.len();
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, ::aviary_plugin::serde::Serialize)]
        #[serde(crate = "::aviary_plugin::serde", rename_all = "camelCase")]
        pub struct #ty {
            #(#[doc = #docs] #nulls pub #fields: #types,)*
        }

        impl ::aviary_plugin::made::FromRow for #ty {
            const COLUMNS: usize = #count;

            fn from_row(
                row: ::std::vec::Vec<::aviary_plugin::made::Value>,
            ) -> ::std::result::Result<Self, &'static str> {
                let mut values = row.into_iter();
                Ok(Self {
                    #(#fields: ::aviary_plugin::made::columns(&mut values, #columns)?,)*
                })
            }
        }
    }
}

/// `_uri` is `uri`, unless the read also returns a `uri`.
fn field(read: &Read, column: &Column) -> Ident {
    match column.name.strip_prefix('_') {
        Some(short) if !read.returns.iter().any(|c| c.name == short) => names::value(short),
        _ => names::value(&column.name),
    }
}

/// The argument's type, and how it becomes a parameter.
fn param(p: ParamType, ident: &Ident) -> (TokenStream, TokenStream) {
    let text = matches!(p.ty, ColumnType::Text | ColumnType::Did | ColumnType::AtUri);
    if p.list {
        let list = |ty, into| {
            (
                ty,
                quote! {
                    ::aviary_plugin::wit::types::Param::Many(
                        #ident.iter().map(|v| ::aviary_plugin::made::IntoValue::into_value(#into)).collect(),
                    )
                },
            )
        };
        return if text {
            list(
                quote!(&[impl ::std::convert::AsRef<str>]),
                quote!(v.as_ref()),
            )
        } else {
            let one = one(p.ty);
            list(quote!(&[#one]), quote!(*v))
        };
    }
    let ty = if text { quote!(&str) } else { one(p.ty) };
    (
        ty,
        quote!(::aviary_plugin::made::IntoParam::into_param(#ident)),
    )
}

fn one(ty: ColumnType) -> TokenStream {
    tables::rust_type(&Column {
        name: String::new(),
        ty,
        nullable: false,
    })
}
