import {
  ChildEntity,
  Column,
  CreateDateColumn,
  DataSource,
  DeleteDateColumn,
  Entity,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  type Relation,
  TableInheritance,
  Tree,
  TreeChildren,
  TreeParent,
  ViewColumn,
  ViewEntity,
} from 'typeorm';

export class Address {
  @Column({ default: '' })
  city!: string;
}

@Entity()
export class Author {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ unique: true })
  name!: string;

  @Column({ default: 0 })
  points!: number;

  @Column(() => Address)
  address!: Address;

  @CreateDateColumn()
  createdAt!: Date;

  @DeleteDateColumn()
  deletedAt!: Date | null;

  @OneToMany(() => Book, (book) => book.author, { cascade: true })
  books!: Relation<Book>[];
}

@Entity()
export class Book {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  title!: string;

  @Column({ default: 1 })
  pages!: number;

  @ManyToOne(() => Author, (author) => author.books, { onDelete: 'CASCADE' })
  author!: Relation<Author> | null;

  @ManyToMany(() => Tag, (tag) => tag.books, { cascade: true })
  @JoinTable()
  tags!: Relation<Tag>[];
}

@Entity()
export class Tag {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @ManyToMany(() => Book, (book) => book.tags)
  books!: Relation<Book>[];
}

/** A closure table has the ancestors. */
@Entity()
@Tree('closure-table')
export class Shelf {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @TreeChildren({ cascade: true })
  children!: Relation<Shelf>[];

  @TreeParent()
  parent!: Relation<Shelf> | null;
}

/** Its name is also a word of many statements. */
@Entity({ name: 'order' })
export class Loan {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  reader!: string;
}

@Entity()
@TableInheritance({ column: { type: 'varchar', name: 'kind' } })
export class Medium {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;
}

@ChildEntity()
export class Film extends Medium {
  @Column({ nullable: true })
  minutes!: number;
}

@ViewEntity({
  expression: (dataSource: DataSource) =>
    dataSource
      .createQueryBuilder()
      .select('book.title', 'label')
      .addSelect('author.name', 'writer')
      .from(Book, 'book')
      .leftJoin(Author, 'author', 'author.id = book.authorId'),
})
export class Listing {
  @ViewColumn()
  label!: string;

  @ViewColumn()
  writer!: string;
}

/** A view of a view. */
@ViewEntity({ expression: 'SELECT "label" FROM "listing"', dependsOn: [Listing] })
export class Catalogue {
  @ViewColumn()
  label!: string;
}

/** A view that was made elsewhere, and tells nothing. */
@ViewEntity({ name: 'foreign_view', synchronize: false })
export class ForeignView {
  @ViewColumn()
  heading!: string;
}

export const entities = [Author, Book, Tag, Shelf, Loan, Medium, Film, Listing, Catalogue, ForeignView];
