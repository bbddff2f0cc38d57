/** The texts of another language for the keys of `T`, no more and no fewer. */
export type Texts<T> = { readonly [K in keyof T]: string };
