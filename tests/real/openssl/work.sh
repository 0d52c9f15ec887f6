# Key derivation, ciphers, digests, certificates, signatures: everything that has one right answer.
data=$DATA/data
for cipher in aes-256-cbc aria-256-ctr camellia-256-cbc chacha20; do
  openssl enc -$cipher -pbkdf2 -iter 20000 -S 0011223344556677 -pass pass:secret -in "$data" | openssl dgst -sha256
  openssl enc -$cipher -pbkdf2 -iter 20000 -S 0011223344556677 -pass pass:secret -in "$data" |
    openssl enc -d -$cipher -pbkdf2 -iter 20000 -S 0011223344556677 -pass pass:secret | cmp - "$data" && echo $cipher same
done
for digest in sha512 sha3-512 blake2b512 sm3 md5; do openssl dgst -$digest <"$data"; done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  openssl dgst -sha256 -sign "$DATA/key.pem" -out signature "$data"
  openssl dgst -sha256 -verify "$DATA/public.pem" -signature signature "$data"
  openssl x509 -in "$DATA/certificate.pem" -noout -text | openssl dgst -sha256
  openssl verify -CAfile "$DATA/certificate.pem" "$DATA/certificate.pem" | sed 's/.*: //'
done
openssl dgst -sha256 signature
openssl asn1parse -in "$DATA/key.pem" | openssl dgst -sha256
