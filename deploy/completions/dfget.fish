# Made by `npm run docs` from the code; edit the code instead.
complete -c dfget -n __fish_use_subcommand -a daemon -d 'dfget daemon keeps the pieces of this node, shares them, and downloads for dfget'
complete -c dfget -n __fish_use_subcommand -a ls -d 'dfget ls lists what the node holds, the least recently used first'
complete -c dfget -n __fish_use_subcommand -a stat -d 'dfget stat tells what is known of tasks'
complete -c dfget -n __fish_use_subcommand -a rm -d 'dfget rm throws tasks away'
complete -c dfget -n __fish_use_subcommand -a pin -d 'dfget pin keeps tasks whatever else needs room'
complete -c dfget -n __fish_use_subcommand -a unpin -d 'dfget unpin lets pinned tasks go when there is need'
complete -c dfget -n __fish_use_subcommand -a import -d 'dfget import takes a file in, so that other nodes can get it by its digest'
complete -c dfget -n __fish_use_subcommand -a export -d 'dfget export writes a task to a file; one named by its whole digest is fetched from other nodes where it is not here'
complete -c dfget -n __fish_use_subcommand -a peers -d 'dfget peers lists the nodes that this one is connected to'
complete -c dfget -n __fish_use_subcommand -a limits -d 'dfget limits shows how fast the running daemon may be, or changes it until it ends'
complete -c dfget -n __fish_use_subcommand -a doctor -d 'dfget doctor looks for what keeps downloads from working'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l output -s o -r -F -d 'where the file goes: a file, a directory (with a / at its end it is made), or - for standard output; an image of oci:// goes into FILE.tar or a directory; by default the last part of the URL, in the current directory'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l input -s i -r -F -d 'a file with URLs, one a line; - for standard input'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l range -x -d 'the part to fetch, FIRST-LAST, FIRST- or -LENGTH, counted from 0'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l digest -x -d 'the digest that the file must have: sha256:..., sha512:... or md5:...'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l tag -x -d 'a word that keeps this download apart from others of the same URL'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l filter -x -d 'a query parameter that changes while the file does not, such as a signature'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l header -s H -x -d '"Name: value" to send to the origin, or @FILE with such lines, which keeps secrets out of the list of processes'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l no-netrc -d 'do not look up user and password in ~/.netrc or $NETRC'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l netrc-file -r -F -d 'a file to look them up in instead'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l cacert -r -F -d 'certificate authorities to trust for this download, in PEM; implies --direct'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l cert -r -F -d 'a client certificate in PEM; implies --direct'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l key -r -F -d 'the key of --cert, where it is not in the same file'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l insecure -s k -d 'do not check the origin'\''s certificate; implies --direct'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l no-back-source -d 'fail when no supernode and no peer can serve, and leave the origin alone'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l direct -d 'read the origin from this process, without daemon, supernode and peers; proxies are taken from the environment'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l recursive -s r -d 'fetch everything that a server lists below the URL, or below a prefix of s3://'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l include -x -d 'fetch only files whose path matches, such as '\''*.gz'\'' or '\''docs/**'\'''
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l exclude -x -d 'leave out files whose path matches'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l max-files -x -d 'fail rather than fetch more files than this'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l max-depth -x -d 'how many directories deep --recursive goes; 0 for the files of the URL itself'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l platform -x -d 'the platform of an oci:// image that has several; by default linux and the architecture of this machine'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l s3-endpoint -x -d 'the server of s3:// URLs, also $AWS_ENDPOINT_URL; Amazon'\''s by default'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l s3-region -x -d 'its region, also $AWS_REGION; us-east-1 by default'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l hf-endpoint -x -d 'the server of hf:// URLs'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l parallel -s j -x -d 'how many files at once'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l limit-rate -x -d 'how many bytes a second are received at most, such as 20MiB, by all files together; 0 for no limit'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l timeout -x -d 'give up after this long; 0 waits forever'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l retry -x -d 'how often a download is tried again whose origin could not be reached or failed, besides the tries that the daemon makes itself'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l overwrite -d 'replace what is there, and begin anew where an earlier --direct run was interrupted; without one of these three flags a target is replaced too, once the new file is whole'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l continue -s c -d 'leave a target alone that is the file already: it has the digest, or the length and time that the origin names'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l no-clobber -d 'leave a target alone that is there, whatever it is'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l mode -x -d 'the rights of the file in octal, such as 0644'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l no-mtime -d 'do not give the file the time that the origin says it was last modified'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l hard-link -d 'make the file a read-only link to the daemon'\''s own copy where that is possible, which takes no time and no room'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l quiet -s q -d 'say nothing but errors'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l json -d 'one JSON object a line on standard output'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l color -x -a 'auto always never' -d 'whether the terminal gets colours; auto heeds NO_COLOR'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l console -d 'end with the result line that dfget of Dragonfly 1 printed'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l config
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l print-config
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l version
complete -c dfget -n 'not __fish_seen_subcommand_from daemon ls stat rm pin unpin import export peers limits doctor' -l help
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l listen -x -d 'where pieces and neighbours are served'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l any-port -d 'take any free port where the one of --listen is taken'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l socket -r -F -d 'the unix socket for dfget; by default /run/darter/dfget.sock for root, else darter/dfget.sock in $XDG_RUNTIME_DIR, else in the data directory'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l idle-exit -x -d 'end when nothing was downloaded for this long; 0 stays forever'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l advertise -x -d 'where other nodes reach this one, host:port; by default the address that the supernode sees'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l supernode -x -d 'a supernode, such as http://10.0.0.1:8002'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l data-dir -r -F -d 'where pieces are kept; by default /var/lib/darter for root, else darter in $XDG_DATA_HOME or ~/.local/share'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l zone -x -d 'where this node stands, labels from the widest to the narrowest, "eu|eu-1|rack7"'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l disk-quota -x -d 'how much disk space the pieces may take; 0 for all but 64 MiB of the disk'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l upload-limit -x -d 'how many bytes a second are sent to other nodes; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l download-limit -x -d 'how many bytes a second are received, from nodes and origins; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l task-download-limit -x -d 'how many bytes a second are received of each file or layer; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l allow-origin -x -d 'an origin that may be asked although its address is loopback, link-local or a cloud'\''s metadata service: a host name, an address or a network such as 127.0.0.0/8'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l origins -r -F -d 'what is special about single origins, in this file: authorities, certificates, headers, mirrors, allowed repositories'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l log-level -x -a 'trace debug info warn error silent' -d 'what is logged'
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l config
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l version
complete -c dfget -n '__fish_seen_subcommand_from daemon' -l help
complete -c dfget -n '__fish_seen_subcommand_from ls' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from ls' -l config
complete -c dfget -n '__fish_seen_subcommand_from ls' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from ls' -l version
complete -c dfget -n '__fish_seen_subcommand_from ls' -l help
complete -c dfget -n '__fish_seen_subcommand_from stat' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from stat' -l config
complete -c dfget -n '__fish_seen_subcommand_from stat' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from stat' -l version
complete -c dfget -n '__fish_seen_subcommand_from stat' -l help
complete -c dfget -n '__fish_seen_subcommand_from rm' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from rm' -l config
complete -c dfget -n '__fish_seen_subcommand_from rm' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from rm' -l version
complete -c dfget -n '__fish_seen_subcommand_from rm' -l help
complete -c dfget -n '__fish_seen_subcommand_from pin' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from pin' -l config
complete -c dfget -n '__fish_seen_subcommand_from pin' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from pin' -l version
complete -c dfget -n '__fish_seen_subcommand_from pin' -l help
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l config
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l version
complete -c dfget -n '__fish_seen_subcommand_from unpin' -l help
complete -c dfget -n '__fish_seen_subcommand_from import' -l name -x -d 'what to call it; by default the name of the file'
complete -c dfget -n '__fish_seen_subcommand_from import' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from import' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from import' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from import' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from import' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from import' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from import' -l config
complete -c dfget -n '__fish_seen_subcommand_from import' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from import' -l version
complete -c dfget -n '__fish_seen_subcommand_from import' -l help
complete -c dfget -n '__fish_seen_subcommand_from export' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from export' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from export' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from export' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from export' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from export' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from export' -l config
complete -c dfget -n '__fish_seen_subcommand_from export' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from export' -l version
complete -c dfget -n '__fish_seen_subcommand_from export' -l help
complete -c dfget -n '__fish_seen_subcommand_from peers' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from peers' -l config
complete -c dfget -n '__fish_seen_subcommand_from peers' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from peers' -l version
complete -c dfget -n '__fish_seen_subcommand_from peers' -l help
complete -c dfget -n '__fish_seen_subcommand_from limits' -l upload -x -d 'bytes a second to all other nodes together; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l download -x -d 'bytes a second from nodes and origins together; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l task -x -d 'bytes a second for each task from nodes and origins; 0 for no limit'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from limits' -l config
complete -c dfget -n '__fish_seen_subcommand_from limits' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from limits' -l version
complete -c dfget -n '__fish_seen_subcommand_from limits' -l help
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l json -d 'one JSON object on standard output'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l socket -r -F -d 'the unix socket of the daemon; see dfget daemon --help for the usual places'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l supernode -x -d 'a supernode for the daemon, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l allow-origin -x -d 'an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l data-dir -r -F -d 'where the daemon keeps pieces, where one has to be started'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l idle-exit -x -d 'how long a daemon that was started for a download stays without work'
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l config
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l print-config
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l version
complete -c dfget -n '__fish_seen_subcommand_from doctor' -l help
